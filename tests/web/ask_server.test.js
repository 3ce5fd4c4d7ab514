import assert from "node:assert/strict";
import { test } from "node:test";

import { askPatiently } from "../../web/js/ask_server.js";

test("while somebody types nothing is asked, and of the answers only the last question's is heard", async ({
  mock,
}) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  /** @type {string[]} */
  const asked = [];
  /** @type {[string, string][]} */
  const heard = [];
  /** @type {Map<string, () => void>} */
  const answers = new Map();
  const ask = askPatiently(
    (/** @type {string} */ question) => {
      asked.push(question);
      return new Promise((resolve) => answers.set(question, () => resolve(question.toUpperCase())));
    },
    (answer, question) => heard.push([answer, question]),
  );
  const answer = async (/** @type {string} */ question) => {
    answers.get(question)?.();
    await Promise.resolve();
    await Promise.resolve();
  };

  ask("c");
  mock.timers.tick(200);
  ask("ca");
  mock.timers.tick(200);
  assert.deepEqual(asked, []);
  mock.timers.tick(50);
  assert.deepEqual(asked, ["ca"]);

  ask("cat");
  mock.timers.tick(250);
  await answer("cat");
  await answer("ca");
  assert.deepEqual(heard, [["CAT", "cat"]]);

  ask("cats");
  mock.timers.tick(250);
  ask("dog"); // before the answer: what is on its way is not what is typed any more
  await answer("cats");
  assert.deepEqual(heard, [["CAT", "cat"]]);
});
