/** Results as workflows keep them, which strangers may have written: taken if they are what a run gives, else left. */

/** @typedef {(value: unknown) => boolean} Check */

const MOST = 10_000; // concepts, epochs, attacks: more than any run has
export const MOST_LETTERS = 10_000; // of a text that is shown
const MOST_COPIED = 2_000_000; // letters of a report, which is only copied

/** @type {Check} */
const isText = (value) => typeof value === "string" && value.length <= MOST_LETTERS;
/** @type {Check} */
const isReport = (value) => typeof value === "string" && value.length <= MOST_COPIED;
/** @type {Check} */
const isMeasure = (value) => value === null || Number.isFinite(value);
/** @type {(check: Check) => Check} */
const isListOf = (check) => (value) => Array.isArray(value) && value.length <= MOST && value.every(check);
/** @type {(fields: Record<string, Check>) => Check} */
const has = (fields) => (value) =>
  typeof value === "object" &&
  value !== null &&
  Object.entries(fields).every(([name, check]) => check(/** @type {Record<string, unknown>} */ (value)[name]));

const MEASURES = { forgotten: isMeasure, recoverable: isMeasure, drift: isMeasure };
const NAMED = has({
  names: (value) => isListOf(isText)(value) && has({ 0: isText })(value),
  anchors: isListOf(isText),
});

/** @type {Record<string, Check>} */
const KINDS = {
  erasure: has({
    concepts: isListOf(NAMED),
    epochs: isListOf(has({ epoch: Number.isFinite, ...MEASURES })),
    note: isText,
    others: (value) => value === undefined || isListOf(has({ stream: isText, ...MEASURES }))(value),
    report: isReport,
  }),
  attack: has({
    target: isText,
    attacks: isListOf(has({ forgotten: isMeasure, recoverable: isMeasure, norm: isMeasure })),
    report: isReport,
  }),
  failure: has({ reason: isText }),
};

/**
 * @param {unknown} value
 * @returns {import("./result.js").Result | undefined} the value itself, where it is a result
 */
export function checkResult(value) {
  const kind = /** @type {{ kind?: unknown } | null | undefined} */ (value)?.kind;
  const known = typeof kind === "string" && Object.hasOwn(KINDS, kind) && KINDS[kind](value);
  return known ? /** @type {import("./result.js").Result} */ (value) : undefined;
}
