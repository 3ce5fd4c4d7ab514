import assert from "node:assert/strict";
import { test } from "node:test";

import { askPatiently } from "../../web/js/ask_server.js";

test("nothing is asked while somebody types, and the last question's answer alone is heard", async ({ mock }) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  /** @type {{ question: string, resolve: (answer: string) => void }[]} */
  const asked = [];
  /** @type {string[]} */
  const heard = [];
  const ask = askPatiently(
    (/** @type {string} */ question) => new Promise((resolve) => asked.push({ question, resolve })),
    (answer, question) => heard.push(`${question}: ${answer}`),
  );
  const type = (/** @type {string} */ text) => {
    ask(text);
    mock.timers.tick(200);
  };
  type("c");
  type("ca");
  assert.equal(asked.length, 0);
  mock.timers.tick(50);
  type("cat");
  mock.timers.tick(50);
  type("cats");
  asked[0].resolve("late");
  asked[1].resolve("late too, for more was typed since");
  mock.timers.tick(50);
  asked[2].resolve("in time");
  await new Promise(setImmediate);
  assert.deepEqual(heard, ["cats: in time"]);
});
