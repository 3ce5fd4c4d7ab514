/** What RECE Concepts will read from its texts, and what is wrong with them: the rules of rece_core/texts/concepts.py. */

const ARROW = "=>";
const ONE_SPACE = " ";
const PLACE = "{}"; // where a phrasing has the name
const COMMA = /(?<!\\),/; // '\,' is a comma that belongs to the text
const NEW_LINE = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/; // eslint-disable-line no-control-regex -- as in Python

/**
 * @typedef {object} Concept one line of the targets
 * @property {number} line from 1; 0 for a target that the kind brings along
 * @property {string[]} names
 * @property {string[]} anchors
 *
 * @typedef {object} Problem
 * @property {"noTarget" | "noName" | "anchorIsTarget" | "twice" | "preservedToo" | "tooLong"} code
 * @property {number} line of the targets, 0 for none of them
 * @property {string} [text] which text it is about
 * @property {number} [count] its tokens, where there are too many
 *
 * @typedef {object} Texts the widgets' values, and what the kind brings along
 * @property {string} targets
 * @property {string} defaultAnchor
 * @property {string} preserve
 * @property {string[]} phrasings each with '{}' for the name
 * @property {string[]} usualTargets what the kind erases where no target is written
 *
 * @typedef {object} Reading
 * @property {Concept[]} concepts
 * @property {string[]} preserved
 * @property {Problem[]} problems
 */

/**
 * Reads the texts as the node will.
 * @param {Texts} texts
 * @returns {Reading}
 */
export function readConcepts({ targets, defaultAnchor, preserve, phrasings, usualTargets }) {
  const written = targets.trim() !== "";
  /** @type {Reading} */
  const reading = { concepts: [], preserved: listLines(preserve), problems: [] };
  for (const [index, line] of (written ? splitLines(targets) : usualTargets).entries()) {
    if (line.trim() === "") continue;
    const number = written ? index + 1 : 0;
    const [names, ...rest] = line.split(ARROW);
    const anchors = split(rest.length > 0 ? rest.join(ARROW) : defaultAnchor);
    const concept = { line: number, names: split(names), anchors: anchors.length > 0 ? anchors : [ONE_SPACE] };
    if (concept.names.length > 0) reading.concepts.push(concept);
    else reading.problems.push({ code: "noName", line: number });
  }
  if (reading.concepts.length === 0 && reading.problems.length === 0) {
    reading.problems.push({ code: "noTarget", line: 0 });
  }
  reading.problems.push(...findAnchorsLikeTargets(reading.concepts), ...findClashes(reading, phrasings));
  return reading;
}

/**
 * Which texts are longer than what the text encoder reads in one piece. A phrasing adds its own words to a name's.
 * @param {Reading} reading
 * @param {string[]} phrasings
 * @param {Record<string, number>} counts tokens by text; a text that is not in it is passed over
 * @param {number} limit
 * @returns {Problem[]}
 */
export function findTooLong({ concepts, preserved }, phrasings, counts, limit) {
  const added = Math.max(0, ...phrasings.map((phrasing) => counts[withoutPlace(phrasing)] ?? 0));
  /** @type {(line: number, text: string, extra: number) => Problem[]} */
  const check = (line, text, extra) => {
    const count = text in counts ? counts[text] + extra : 0;
    return count > limit ? [{ code: "tooLong", line, text, count }] : [];
  };
  return [
    ...concepts.flatMap(({ line, names, anchors }) =>
      [...names, ...anchors].flatMap((text) => check(line, text, added)),
    ),
    ...preserved.flatMap((text) => check(0, text, 0)),
  ];
}

/**
 * Every text whose tokens are worth counting, once each.
 * @param {Reading} reading
 * @param {string[]} phrasings
 * @returns {string[]}
 */
export function listTexts({ concepts, preserved }, phrasings) {
  const named = concepts.flatMap(({ names, anchors }) => [...names, ...anchors]);
  return [...new Set([...named, ...preserved, ...phrasings.map(withoutPlace)])];
}

/**
 * Two texts that differ in case alone are the same; as str.casefold in Python.
 * @param {string} text
 */
export function fold(text) {
  return text.toUpperCase().toLowerCase();
}

/**
 * @param {string} text
 * @returns {string[]} without blank lines, spaces made single
 */
export function listLines(text) {
  return splitLines(text)
    .map(tidy)
    .filter((line) => line !== "");
}

/**
 * @param {Concept[]} concepts
 * @returns {Problem[]}
 */
function findAnchorsLikeTargets(concepts) {
  return concepts.flatMap(({ line, names, anchors }) => {
    const folded = new Set(anchors.map(fold));
    return names
      .filter((name) => folded.has(fold(name)))
      .map((text) => /** @type {Problem} */ ({ code: "anchorIsTarget", line, text }));
  });
}

/**
 * Targets that are listed twice or preserved too, in any phrasing; each name is reported once for each mistake.
 * @param {Reading} reading
 * @param {string[]} phrasings
 * @returns {Problem[]}
 */
function findClashes({ concepts, preserved }, phrasings) {
  const kept = new Set(preserved.map(fold));
  const seen = new Set();
  /** @type {Problem[]} */
  const problems = [];
  for (const { line, names } of concepts) {
    for (const text of names) {
      const phrased = phrasings.map((phrasing) => fold(phrase(phrasing, text)));
      if (phrased.some((each) => seen.has(each))) problems.push({ code: "twice", line, text });
      if (phrased.some((each) => kept.has(each))) problems.push({ code: "preservedToo", line, text });
      for (const each of phrased) seen.add(each);
    }
  }
  return problems;
}

/** @type {(phrasing: string, name: string) => string} */
const phrase = (phrasing, name) => (phrasing === PLACE ? name : tidy(phrasing.replace(PLACE, () => name)));

/** @type {(phrasing: string) => string} */
const withoutPlace = (phrasing) => tidy(phrasing.replace(PLACE, " "));

/** @type {(text: string) => string[]} */
const splitLines = (text) => text.split(NEW_LINE);

/** @type {(text: string) => string[]} */
const split = (text) =>
  text
    .split(COMMA)
    .map((part) => tidy(part.replaceAll("\\,", ",")))
    .filter((part) => part !== "");

/** @type {(text: string) => string} */
const tidy = (text) => text.trim().split(/\s+/).join(" ");
