import assert from "node:assert/strict";
import { test } from "node:test";

import { isUntouched } from "../../web/js/kinds.js";

test("what was filled in may be replaced, what was typed may not", () => {
  assert.ok(isUntouched("", ["", "art"]));
  assert.ok(!isUntouched("dog", ["", "art"]));
});
