/** What the server knows better than the page: the paper's kinds, and concepts. Without an answer the page does without. */

const PATIENCE = 250; // milliseconds without typing after which concepts are read

/**
 * @typedef {object} Server
 * @property {() => import("./kinds.js").Presets} presets empty until they have arrived
 * @property {(typed: Record<string, string>) => Promise<Reading | null>} readConcepts of the inputs of RECE Concepts
 *
 * @typedef {{ text: string, tokens: number }} Counted
 *
 * @typedef {object} Concept one line of the targets
 * @property {number} line from 1; 0 for a target that the kind brings along
 * @property {Counted[]} names
 * @property {Counted[]} anchors
 *
 * @typedef {object} Problem
 * @property {"noTarget" | "noName" | "anchorIsTarget" | "twice" | "preservedToo" | "tooLong"} code
 * @property {number} line of the targets, 0 for none of them
 * @property {string} text which it is about
 * @property {number} count its tokens, where there are too many
 *
 * @typedef {object} Question what may be meant otherwise, see rece_core/texts/questions.py
 * @property {"meantArrow" | "meantCommas" | "closeWord" | "inLetters" | "blankAnchor" | "vagueAnchor" | "oneName"} code
 * @property {number} line of the targets, 0 for none of them
 * @property {string} text which it is about
 * @property {string} instead what may be meant in its place, or nothing
 *
 * @typedef {object} Reading what RECE Concepts will read, see nodes/routes.py
 * @property {import("./kinds.js").Preset} preset
 * @property {string[]} preserve what is preserved: as written, or else what the kind keeps
 * @property {Concept[]} concepts
 * @property {Problem[]} problems
 * @property {Question[]} questions
 * @property {string[]} suggestions what else is worth preserving
 * @property {number} limit the most tokens that are read of a text
 */

/**
 * @param {Page.Api} api
 * @returns {Server}
 */
export function connectServer(api) {
  /** @type {import("./kinds.js").Presets} */
  let presets = {};
  askJson(api, "/rece/kinds").then((found) => {
    presets = found ?? {};
  });
  return {
    presets: () => presets,
    readConcepts: (typed) => askJson(api, "/rece/concepts", { method: "POST", body: JSON.stringify(typed) }),
  };
}

/**
 * A way to ask that waits until nobody has asked again for a while, and drops answers that come late.
 * @template Question, Answer
 * @param {(question: Question) => Promise<Answer>} ask
 * @param {(answer: Answer, question: Question) => void} heard
 * @returns {(question: Question) => void}
 */
export function askPatiently(ask, heard) {
  let last = 0;
  return (question) => {
    const own = ++last;
    setTimeout(async () => {
      if (own !== last) return;
      const answer = await ask(question);
      if (own === last) heard(answer, question);
    }, PATIENCE);
  };
}

/**
 * The words of the page's language, from `locales/<language>/main.json`.
 * @param {Page.Api} api
 * @param {string} language
 * @returns {Promise<Record<string, string>>}
 */
export async function fetchWords(api, language) {
  const all = await askJson(api, "/i18n");
  return all?.[language]?.rece ?? {};
}

/**
 * What the pack's nodes are called and say in the page's language, from `locales/<language>/nodeDefs.json`.
 * @param {Page.Api} api
 * @param {string} language
 * @returns {Promise<Record<string, import("./node_texts.js").NodeTexts>>}
 */
export async function fetchNodeTexts(api, language) {
  const all = await askJson(api, "/i18n");
  return Object.fromEntries(
    Object.entries(all?.[language]?.nodeDefs ?? {}).filter(([type]) => type.startsWith("Rece")),
  );
}

/**
 * @param {Page.Api} api
 * @param {string} route
 * @param {RequestInit} [request]
 * @returns {Promise<any>} null where the server has no such route or cannot be reached
 */
async function askJson(api, route, request) {
  try {
    const answer = await api.fetchApi(route, { ...request, headers: { "Content-Type": "application/json" } });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}
