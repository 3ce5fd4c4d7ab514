import assert from "node:assert/strict";
import { test } from "node:test";

import { isUntouched, suggestPreserved } from "../../web/js/kinds.js";

/** @param {string} text */
const count = (text) => ({ text, tokens: 1 });

test("suggested are texts that are neither preserved nor about a target or its anchor", () => {
  const concepts = [{ line: 1, names: [count("claude monet")], anchors: [count("rembrandt")] }];
  const reading = { concepts, preserved: ["andy warhol"] };
  assert.deepEqual(suggestPreserved("style", reading), ["Pablo Picasso", "Katsushika Hokusai", "Caravaggio"]);
});

test("a target is found as a whole word", () => {
  const reading = { concepts: [{ line: 1, names: [count("dog")], anchors: [count(" ")] }], preserved: [] };
  assert.ok(!suggestPreserved("custom", reading).includes("a dog"));
  assert.ok(suggestPreserved("custom", { ...reading, preserved: ["do"] }).includes("a car"));
});

test("what was filled in may be replaced, what was typed may not", () => {
  assert.ok(isUntouched("", ["", "art"]));
  assert.ok(!isUntouched("dog", ["", "art"]));
});
