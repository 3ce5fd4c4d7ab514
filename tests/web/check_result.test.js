import assert from "node:assert/strict";
import { test } from "node:test";

import { checkResult } from "../../web/js/check_result.js";
import { copyText, describeOthers, describeResult, listFigures } from "../../web/js/result.js";

const EPOCH = { epoch: 0, forgotten: 0.5, recoverable: null, drift: 0 };
const ERASURE = {
  kind: "erasure",
  concepts: [{ names: ["<b>x</b>"], anchors: [] }],
  epochs: [EPOCH],
  note: "",
  others: [{ stream: "pooled", ...EPOCH }],
  report: "",
};
const ATTACK = { kind: "attack", target: "x", attacks: [{ forgotten: 1, recoverable: 0.5, norm: 1 }], report: "" };
const FAILURE = { kind: "failure", reason: "" };

/** Whether all that a panel does with a result can be done. @param {any} given */
function canBeShown(given) {
  try {
    describeResult(given);
    listFigures(given);
    copyText(given);
    if (given.kind === "erasure") describeOthers(given);
    return true;
  } catch {
    return false;
  }
}

test("what runs give is taken as it is", () => {
  const alone = { ...ERASURE, others: undefined };
  for (const given of [ERASURE, alone, ATTACK, FAILURE]) {
    assert.equal(checkResult(given), given);
    assert.ok(canBeShown(given));
  }
});

test("what workflows of strangers may hold instead is left", () => {
  const strange = [
    undefined,
    null,
    0,
    "",
    "erasure",
    [],
    {},
    { kind: "x" },
    { kind: "constructor" },
    { kind: ["erasure"] },
  ];
  for (const given of strange) assert.equal(checkResult(given), undefined);
});

test("nothing is taken that could not be shown, whichever field is another value", () => {
  let broken = 0;
  for (const given of [ERASURE, ATTACK, FAILURE]) {
    for (const path of listPaths(given)) {
      for (const value of [undefined, null, 7, "text", [], {}, [null], [7], { length: 1e9 }, Infinity]) {
        const changed = replaceAt(structuredClone(given), path, value);
        const shown = canBeShown(changed);
        if (!shown) broken += 1;
        assert.ok(shown || checkResult(changed) === undefined, `${path.join(".")} is ${JSON.stringify(value)}`);
      }
    }
  }
  assert.ok(broken > 20, "the control: unchecked, many of them break the panel");
});

test("lists and texts without end are left", () => {
  assert.equal(checkResult({ ...ERASURE, epochs: Array(100_000).fill(EPOCH) }), undefined);
  const long = "x".repeat(10_000_000);
  for (const more of [{ note: long }, { report: long }, { concepts: [{ names: [long], anchors: [] }] }]) {
    assert.equal(checkResult({ ...ERASURE, ...more }), undefined);
  }
  assert.equal(checkResult({ kind: "failure", reason: long }), undefined);
  const report = { ...ERASURE, report: "x".repeat(200_000) };
  assert.equal(checkResult(report), report);
});

/** @param {any} value @returns {string[][]} */
function listPaths(value) {
  if (typeof value !== "object" || value === null) return [];
  return Object.keys(value).flatMap((name) => [[name], ...listPaths(value[name]).map((path) => [name, ...path])]);
}

/** @param {any} within @param {string[]} path @param {unknown} value */
function replaceAt(within, [name, ...rest], value) {
  if (rest.length > 0) replaceAt(within[name], rest, value);
  else within[name] = value;
  return within;
}
