import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const SHEET = readFileSync(new URL("../../web/js/rece.css", import.meta.url), "utf-8");

/** What the page's own two themes say of the names that the sheet uses. @type {Record<string, Record<string, string>>} */
const THEMES = {
  dark: {
    "comfy-menu-bg": "#171718",
    "input-text": "#dddddd",
    "descrip-text": "#999999",
    "error-text": "#ff4444",
  },
  light: {
    "comfy-menu-bg": "#ffffff",
    "input-text": "#222222",
    "descrip-text": "#444444",
    "error-text": "#f44336",
  },
};
const [TEXT, MARK] = [4.5, 3]; // WCAG 2.2 level AA: 1.4.3 for text, 1.4.11 for what is not

/** Relative luminance, as WCAG defines it. @param {string} colour */
function measureLuminance(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const share = parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** @type {(one: string, other: string) => number} */
function measureContrast(one, other) {
  const [low, high] = [one, other].map(measureLuminance).toSorted((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

/** Names of the theme's colours that a property is set to in the sheet. @param {string} property */
const listUsed = (property) =>
  [...SHEET.matchAll(new RegExp(`(?:^|[\\s;])${property}:[^;]*var\\(--(?!rece)([\\w-]+)`, "g"))].map(
    ([, name]) => name,
  );

test("the measure is that of WCAG", () => {
  assert.equal(measureContrast("#ffffff", "#000000"), 21);
  assert.ok(Math.abs(measureContrast("#777777", "#ffffff") - 4.48) < 0.01);
});

for (const [name, theme] of Object.entries(THEMES)) {
  const grounds = listUsed("background");
  test(`text and marks stand out in the ${name} theme`, () => {
    const marks = [...SHEET.matchAll(/--rece-\w+: (#[0-9a-f]{6});/g)].map(([, colour]) => colour);
    const texts = listUsed("color");
    const warnings = [...listUsed("text-decoration"), ...listUsed("border-left")];
    assert.equal(marks.length, 3);
    assert.deepEqual(grounds, ["comfy-menu-bg"]);
    assert.ok(texts.length >= 4 && warnings.length === 3);
    for (const ground of grounds.map((each) => theme[each])) {
      for (const text of texts) assert.ok(measureContrast(theme[text], ground) >= TEXT, text);
      for (const mark of [...marks, ...warnings.map((each) => theme[each])]) {
        assert.ok(measureContrast(mark, ground) >= MARK, mark);
      }
    }
  });
}
