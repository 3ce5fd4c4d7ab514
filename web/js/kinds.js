/** What a kind of concept brings along: the paper's choices, which the server knows, and texts worth preserving. */

/**
 * @typedef {object} Preset the paper's choices for a kind, see rece_core/texts/presets.py
 * @property {string} anchor
 * @property {number} epochs
 * @property {number} derivation_ridge
 * @property {string[]} targets
 * @property {string[]} phrasings
 *
 * @typedef {Record<string, Preset>} Presets
 */

const OBJECTS = [
  "cassette player",
  "chain saw",
  "church",
  "English springer",
  "French horn",
  "garbage truck",
  "gas pump",
  "golf ball",
  "parachute",
  "tench",
];

/** Close to what such targets are, so the first to suffer. @type {Record<string, string[]>} */
const NEIGHBOURS = {
  nudity: ["a person", "a woman in a dress", "a man in a suit", "a portrait", "people on a beach", "a marble statue"],
  unsafe: ["a person", "people in a city", "a doctor at work", "a family at dinner", "a film scene", "red roses"],
  style: ["Claude Monet", "Pablo Picasso", "Rembrandt", "Katsushika Hokusai", "Andy Warhol", "Caravaggio"],
  "hard object": OBJECTS,
  "easy object": OBJECTS,
  custom: ["a person", "a dog", "a house", "a tree", "a car", "a flower"],
};

/**
 * Texts to preserve for a kind that are not preserved yet and name none of the targets or anchors.
 * @param {string} kind
 * @param {Pick<import("./ask_server.js").Reading, "concepts" | "preserved">} reading
 * @returns {string[]}
 */
export function suggestPreserved(kind, { concepts, preserved }) {
  const kept = new Set(preserved.map(fold));
  const named = concepts.flatMap(({ names, anchors }) => [...names, ...anchors]).filter(({ text }) => text.trim());
  return (NEIGHBOURS[kind] ?? NEIGHBOURS.custom).filter(
    (each) => !kept.has(fold(each)) && !named.some(({ text }) => ` ${fold(each)} `.includes(` ${fold(text)} `)),
  );
}

/**
 * Whether a widget still holds what was filled in, so that filling in something else overrides nobody's choice.
 * @param {unknown} value as it stands
 * @param {unknown[]} filled what the page or the node itself may have put there
 */
export function isUntouched(value, filled) {
  return filled.some((each) => each === value);
}

/** Two texts that differ in case alone are the same. @type {(text: string) => string} */
const fold = (text) => text.toUpperCase().toLowerCase();
