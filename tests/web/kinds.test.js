import assert from "node:assert/strict";
import { test } from "node:test";

import { isUntouched, suggestPreserved } from "../../web/js/kinds.js";

test("suggested are texts that are neither preserved nor about a target or its anchor", () => {
  const reading = {
    concepts: [{ line: 1, names: ["claude monet"], anchors: ["rembrandt"] }],
    preserved: ["andy warhol"],
    problems: [],
  };
  assert.deepEqual(suggestPreserved("style", reading), ["Pablo Picasso", "Katsushika Hokusai", "Caravaggio"]);
});

test("a target is found as a whole word", () => {
  const reading = { concepts: [{ line: 1, names: ["dog"], anchors: [" "] }], preserved: [], problems: [] };
  assert.ok(!suggestPreserved("custom", reading).includes("a dog"));
  assert.ok(suggestPreserved("custom", { ...reading, preserved: ["do"] }).includes("a car"));
});

test("what was filled in may be replaced, what was typed may not", () => {
  assert.ok(isUntouched("", ["", "art"]));
  assert.ok(!isUntouched("dog", ["", "art"]));
});
