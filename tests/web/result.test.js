import assert from "node:assert/strict";
import { test } from "node:test";

import { drawCurve, toPath } from "../../web/js/curve.js";
import * as result from "../../web/js/result.js";

const { listFigures, copyText } = result;
/** A space that does not break stands before each sign. @type {(text: string) => string} */
const plain = (text) => text.replaceAll("\u00a0", " ");
/** @type {typeof result.describeResult} */
const describeResult = (given) => plain(result.describeResult(given));

/** @typedef {import("../../web/js/result.js").Result} Result */

/** @type {(forgotten: number, drift?: number | null, more?: number, anchor?: string) => Extract<Result, { kind: "erasure" }>} */
const erased = (forgotten, drift = 0.008, more = 0, anchor = "art") => ({
  kind: "erasure",
  concepts: [{ names: ["nudity", "nude"], anchors: [anchor] }, ...Array(more).fill({ names: ["x"], anchors: ["y"] })],
  epochs: [
    { epoch: 0, forgotten: 0.5, recoverable: 1, drift: 0 },
    { epoch: 1, forgotten, recoverable: 0.02, drift },
  ],
  note: "",
  report: "a table",
});

test("an erasure in a sentence", () => {
  assert.equal(describeResult(erased(0.97)), "'nudity' now acts like 'art'; others moved by 0.8 %.");
  assert.match(describeResult(erased(0.97, 0.2, 2)), /^'nudity and 2 more' now acts like .*; others moved by 20 %\.$/);
  assert.match(describeResult(erased(0.4)), /by 40 % only/);
  assert.match(describeResult(erased(-0.1)), /is not forgotten/);
  assert.match(describeResult(erased(0.97, null)), /moved by unknown/);
});

test("no success is told where the anchor is a blank, however much of the words is gone", () => {
  assert.match(describeResult(erased(0.993, 0.2, 0, " ")), /anything may be drawn for it, itself included; .* 20 %/);
  assert.doesNotMatch(describeResult(erased(0.993, 0.2, 1, " ")), /acts like/);
  assert.match(describeResult(erased(-0.1, 0.2, 0, " ")), /is not forgotten/);
});

test("an attack in a sentence: the one that brings most back", () => {
  /** @type {Result} */
  const given = {
    kind: "attack",
    target: "snoopy",
    attacks: [
      { forgotten: 0.9, recoverable: 0.1, norm: 1 },
      { forgotten: 0.9, recoverable: 0.62, norm: 1.5 },
    ],
    report: "",
  };
  assert.equal(describeResult(given), "This attack brings back 62 % of 'snoopy', at 1.50 × the usual norm.");
  assert.deepEqual(
    listFigures(given).map(({ value }) => plain(value)),
    ["90 %", "62 %", "1.50 ×"],
  );
  assert.match(describeResult({ ...given, attacks: [] }), /brings nothing/);
});

test("the reason why it stopped", () => {
  assert.equal(describeResult({ kind: "failure", reason: "no target was given" }), "Stopped: no target was given");
  assert.match(describeResult({ kind: "failure", reason: "" }), /^Cancelled/);
  assert.deepEqual(listFigures({ kind: "failure", reason: "" }), []);
});

test("other streams a line each, and none in what older versions saved", () => {
  const others = [{ stream: "pooled", epoch: 1, forgotten: 0.98, recoverable: null, drift: 0.012 }];
  assert.deepEqual(result.describeOthers({ ...erased(1), others }).map(plain), [
    "Pooled embedding: forgotten 98 %, recoverable unknown, drift 1.2 %.",
  ]);
  assert.match(
    result.describeOthers({ ...erased(1), others: [{ ...others[0], stream: "tokens.1" }] })[0],
    /^tokens\.1: /,
  );
  assert.deepEqual(result.describeOthers(erased(1)), []);
});

test("copied are the sentence and the whole report", () => {
  assert.match(copyText(erased(1)), /^'nudity'.*\n\na table$/);
});

test("small shares keep a digit", () => {
  assert.deepEqual(
    [0.0084, 0.0994, 0.0996, 1, -0.0001, -0.02].map((share) => plain(result.percent(share))),
    ["0.8 %", "9.9 %", "10 %", "100 %", "0.0 %", "none"],
  );
});

test("a curve from the first edit on the left to the last epoch on the right", () => {
  const [forgotten, recoverable, drift] = drawCurve(erased(2, null).epochs, 100, 50);
  assert.deepEqual(forgotten.points, [
    [0, 25],
    [100, 0],
  ]);
  assert.deepEqual(recoverable.points, [
    [0, 0],
    [100, 49],
  ]);
  assert.deepEqual(drift.points, [[0, 50]]);
  assert.equal(toPath(recoverable.points), "M0 0 L100 49");
});
