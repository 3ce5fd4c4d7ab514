/** What the server knows better than the page: the paper's kinds, and tokens. Without an answer the page does without. */

const PATIENCE = 250; // milliseconds without typing after which tokens are counted

/**
 * @typedef {object} Server
 * @property {() => import("./kinds.js").Presets} presets empty until they have arrived
 * @property {Promise<void>} arrived
 * @property {(text: string) => number | undefined} tokens of a text that was counted
 * @property {() => number} limit
 * @property {(texts: string[], counted: () => void) => void} count calls back once all of them are
 */

/**
 * @param {Page.Api} api
 * @returns {Server}
 */
export function connectServer(api) {
  /** @type {import("./kinds.js").Presets} */
  let presets = {};
  let limit = Infinity;
  /** @type {Map<string, number>} */
  const counts = new Map();
  /** @type {Map<() => void, ReturnType<typeof setTimeout>>} */
  const waiting = new Map();
  const arrived = askJson(api, "/rece/kinds").then((found) => {
    presets = found ?? {};
  });

  /** @param {string[]} texts */
  const countNow = async (texts) => {
    const found = await askJson(api, "/rece/tokens", { method: "POST", body: JSON.stringify({ texts }) });
    if (!found) return false;
    texts.forEach((text, index) => counts.set(text, found.counts[index]));
    limit = found.limit;
    return true;
  };

  return {
    presets: () => presets,
    arrived,
    tokens: (text) => counts.get(text),
    limit: () => limit,
    count(texts, counted) {
      clearTimeout(waiting.get(counted));
      const missing = texts.filter((text) => !counts.has(text));
      if (missing.length === 0) return;
      const later = async () => {
        if (await countNow(missing)) counted();
      };
      waiting.set(counted, setTimeout(later, PATIENCE));
    },
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
