import assert from "node:assert/strict";
import { test } from "node:test";

import { findTooLong, listTexts, readConcepts } from "../../web/js/concepts.js";

const NAME = ["{}"];
/** @param {Partial<import("../../web/js/concepts.js").Texts>} texts */
const read = (texts) =>
  readConcepts({ targets: "", defaultAnchor: " ", preserve: "", phrasings: NAME, usualTargets: [], ...texts });
/** @param {Partial<import("../../web/js/concepts.js").Texts>} texts */
const problems = (texts) => read(texts).problems.map(({ code, line, text }) => [code, line, text]);

test("a line is names, and anchors behind an arrow", () => {
  const { concepts } = read({ targets: "van gogh, vincent  van gogh => art\n\nsnoopy", defaultAnchor: "dog, cat" });
  assert.deepEqual(concepts, [
    { line: 1, names: ["van gogh", "vincent van gogh"], anchors: ["art"] },
    { line: 3, names: ["snoopy"], anchors: ["dog", "cat"] },
  ]);
});

test("a comma may belong to the text, and nothing behind the arrow is one space", () => {
  const [{ names, anchors }] = read({ targets: "paris\\, texas =>" }).concepts;
  assert.deepEqual([names, anchors], [["paris, texas"], [" "]]);
});

test("a kind's own targets stand in where none is written", () => {
  assert.deepEqual(read({ usualTargets: ["nudity"] }).concepts, [{ line: 0, names: ["nudity"], anchors: [" "] }]);
  assert.equal(read({ targets: "x", usualTargets: ["nudity"] }).concepts[0].names[0], "x");
});

test("mistakes are named with their line", () => {
  assert.deepEqual(problems({}), [["noTarget", 0, undefined]]);
  assert.deepEqual(problems({ targets: "a\n => b" }), [["noName", 2, undefined]]);
  assert.deepEqual(problems({ targets: "Cat => dog, cat" }), [["anchorIsTarget", 1, "Cat"]]);
  assert.deepEqual(problems({ targets: "cat\ndog\nCAT" }), [["twice", 3, "CAT"]]);
  assert.deepEqual(problems({ targets: "cat", preserve: "a dog\nCat " }), [["preservedToo", 1, "cat"]]);
});

test("phrasings are compared too", () => {
  const phrasings = ["{}", "a {}"];
  assert.deepEqual(problems({ targets: "cat\na cat", phrasings }), [["twice", 2, "a cat"]]);
  assert.deepEqual(problems({ targets: "cat", preserve: "a cat", phrasings }), [["preservedToo", 1, "cat"]]);
  assert.deepEqual(problems({ targets: "cat\na cat" }), []);
});

test("a text is too long from the limit on, its phrasing's words included", () => {
  const phrasings = ["{}", "a photo of a {}"];
  const reading = read({ targets: "cat\ndog => pet", preserve: "tree", phrasings });
  assert.deepEqual(listTexts(reading, phrasings), ["cat", " ", "dog", "pet", "tree", "", "a photo of a"]);
  const counts = { cat: 71, dog: 72, pet: 1, tree: 76, "a photo of a": 4 };
  assert.deepEqual(findTooLong(reading, phrasings, counts, 75), [
    { code: "tooLong", line: 2, text: "dog", count: 76 },
    { code: "tooLong", line: 0, text: "tree", count: 76 },
  ]);
});
