/** What a run gave, in words: the sentence and the figures that a node shows, and the text that is copied. */

import { say } from "./words.js";

/**
 * @typedef {object} Erased what RECE Erase, RECE Iterate and RECE Load Erasure send
 * @property {"erasure"} kind
 * @property {{ names: string[], anchors: string[] }[]} concepts
 * @property {import("./curve.js").Epoch[]} epochs
 * @property {string} note why it stopped where it did, or nothing
 * @property {({ stream: string } & import("./curve.js").Epoch)[]} [others] how streams beside the tokens ended
 * @property {string} report the whole report as text
 *
 * @typedef {object} Attacked what RECE Red Team sends
 * @property {"attack"} kind
 * @property {string} target
 * @property {{ forgotten: number | null, recoverable: number | null, norm: number | null }[]} attacks
 * @property {string} report
 *
 * @typedef {object} Failed what the page makes of an error
 * @property {"failure"} kind
 * @property {string} reason empty where the user cancelled
 *
 * @typedef {Erased | Attacked | Failed} Result
 *
 * @typedef {{ name: "forgotten" | "recoverable" | "drift" | "norm", value: string }} Figure
 */

const FORGOTTEN = 0.9; // from here on the words act as their anchor does
const POOLED = "pooled";

/**
 * @param {Result} result
 * @returns {string}
 */
export function describeResult(result) {
  if (result.kind === "failure") {
    return result.reason ? say("failed", { reason: result.reason }) : say("cancelled");
  }
  if (result.kind === "attack") {
    const worst = findWorst(result);
    if (!worst?.recoverable || worst.recoverable < 0.005) return say("nothingBack", { target: result.target });
    const values = { target: result.target, recoverable: percent(worst.recoverable), norm: times(worst.norm) };
    return say("broughtBack", values);
  }
  const [first, ...more] = result.concepts;
  const last = result.epochs.at(-1);
  if (!first || !last || last.forgotten === null) return "";
  const name = first.names[0];
  const target = more.length > 0 ? say("andMore", { target: name, count: more.length }) : name;
  if (last.forgotten <= 0) return say("notErased", { target });
  const anchor = first.anchors.map((text) => (text.trim() ? say("quoted", { text }) : say("space"))).join(", ");
  const values = { target, anchor, forgotten: percent(last.forgotten), drift: percent(last.drift) };
  if (result.concepts.some(({ anchors }) => anchors.every((text) => !text.trim()))) return say("actsLikeBlank", values);
  return say(last.forgotten < FORGOTTEN ? "actsPartly" : "actsLike", values);
}

/**
 * @param {Result} result
 * @returns {Figure[]} those of the last epoch, or of the attack that brings most back
 */
export function listFigures(result) {
  if (result.kind === "failure") return [];
  if (result.kind === "attack") {
    const worst = findWorst(result);
    if (!worst) return [];
    return [
      { name: "forgotten", value: percent(worst.forgotten) },
      { name: "recoverable", value: percent(worst.recoverable) },
      { name: "norm", value: times(worst.norm) },
    ];
  }
  const last = result.epochs.at(-1);
  const names = /** @type {const} */ (["forgotten", "recoverable", "drift"]);
  return last ? names.map((name) => ({ name, value: percent(last[name]) })) : [];
}

/**
 * How the streams beside the tokens ended, a line each.
 * @param {Erased} result
 */
export function describeOthers({ others = [] }) {
  return others.map(({ stream, forgotten, recoverable, drift }) => {
    const name = stream === POOLED ? say("pooled") : stream;
    const values = { forgotten: percent(forgotten), recoverable: percent(recoverable), drift: percent(drift) };
    return say("otherStream", { stream: name, ...values });
  });
}

/**
 * What "Copy as text" copies.
 * @param {Result} result
 */
export function copyText(result) {
  const sentence = describeResult(result);
  return result.kind === "failure" ? sentence : `${sentence}\n\n${result.report}`;
}

/**
 * A share in percent, as precise as it is small.
 * @param {number | null} share
 */
export function percent(share) {
  if (share === null) return say("unknown");
  const value = 100 * share;
  if (value <= -0.05) return say("none"); // a negative share: less than nothing
  return `${value.toFixed(Math.abs(value) < 9.95 ? 1 : 0).replace("-0.0", "0.0")}\u00a0%`;
}

/** @param {number | null} ratio */
const times = (ratio) => (ratio === null ? say("unknown") : `${ratio.toFixed(2)}\u00a0×`);

/** @param {Attacked} result */
function findWorst({ attacks }) {
  return attacks.toSorted((one, other) => (other.recoverable ?? 0) - (one.recoverable ?? 0))[0];
}
