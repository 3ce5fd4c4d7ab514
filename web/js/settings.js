/** What users choose for all their nodes, under RECE in the page's settings; it takes effect at once. */

import { say } from "./words.js";

export const SHOW_RESULTS = "RECE.ShowResults";
export const CHECK_CONCEPTS = "RECE.CheckConcepts";

/** Kept here because some pages tell of a change before they know it themselves. @type {Map<string, unknown>} */
const chosen = new Map();

/** Who has to know of a change. @type {Set<() => void>} */
const watching = new Set();

/** @typedef {{ name: string, tooltip: string }} Told */
/** @type {Record<string, () => Told>} */
const TOLD = {
  [SHOW_RESULTS]: () => ({ name: say("showResults"), tooltip: say("showResultsHint") }),
  [CHECK_CONCEPTS]: () => ({ name: say("checkConcepts"), tooltip: say("checkConceptsHint") }),
};

/** For the page to register. */
export const SETTINGS = Object.entries(TOLD).map(([id, told]) => ({
  id: /** @type {any} */ (id), // the page's own ids are all that its types know
  category: ["RECE", "Node", id],
  type: /** @type {const} */ ("boolean"),
  defaultValue: true,
  ...told(),
  onChange: (/** @type {unknown} */ value) => {
    chosen.set(id, value);
    watching.forEach((heard) => heard());
  },
}));

/** Name the settings in the page's language, for pages that don't do it themselves; see node_texts.js. */
export function translateSettings() {
  for (const setting of SETTINGS) Object.assign(setting, TOLD[setting.id]());
}

/**
 * @param {string} id
 * @returns {boolean} as long as the page has told nothing else, what it is by default
 */
export function isChosen(id) {
  return chosen.get(id) !== false;
}

/**
 * Call back after each change of a setting.
 * @param {() => void} heard
 * @returns {() => void} what ends it
 */
export function watchSettings(heard) {
  watching.add(heard);
  return () => watching.delete(heard);
}
