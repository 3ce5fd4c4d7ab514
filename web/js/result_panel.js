/** The panel that shows what came out of a run, in the node, and keeps it with the workflow. */

import { checkResult, MOST_LETTERS } from "./check_result.js";
import { drawCurve, toPath } from "./curve.js";
import { make, makeButton, makeSvg } from "./elements.js";
import { changeGraph } from "./graph.js";
import { copyText, describeOthers, describeResult, listFigures } from "./result.js";
import { SHOW_RESULTS } from "./settings.js";
import { addPanel, watchLoading } from "./widgets.js";
import { say } from "./words.js";

/** Nodes that send results. */
export const SHOWING = new Set(["ReceErase", "ReceIterate", "ReceLoadErasure", "ReceRedTeam"]);

const KEPT = "rece_result"; // among the node's properties, which are saved with the workflow
const [WIDTH, HEIGHT, EDGE] = [260, 64, 5];

/** What came out last, shown where an undo leads back to before the run. @type {Map<string, import("./result.js").Result>} */
const latest = new Map();

/**
 * @param {Page.App} app
 * @param {Page.PageNode} node
 */
export function addResultPanel(app, node) {
  const content = make("div", { class: "rece-content" });
  const panel = make("div", { class: "rece-panel rece-result", role: "group" }, content);
  const show = () => {
    const result = checkResult(node.properties[KEPT]) ?? latest.get(keyOf(node));
    panel.setAttribute("aria-label", say(result?.kind === "attack" ? "attackLabel" : "resultLabel"));
    content.replaceChildren(...(result ? listParts(result) : [make("p", { class: "rece-hint" }, say("noResult"))]));
  };
  addPanel(node, panel, SHOW_RESULTS, show);
  watchLoading(node, show);
  const before = node.onExecuted;
  node.onExecuted = function (output) {
    before?.call(this, output);
    const [result] = output?.rece ?? [];
    if (result) keepResult(app, node, result, show);
  };
  shown.set(node, (result) => keepResult(app, node, result, show));
}

/** @type {WeakMap<Page.Node, (result: import("./result.js").Result) => void>} */
const shown = new WeakMap();

/**
 * Say in the node why it did not end.
 * @param {Page.App} app
 * @param {string | number} id of the node that raised, below its subgraphs'
 * @param {string} reason empty where the user cancelled
 */
export function showFailure(app, id, reason) {
  const node = findByPath(app, String(id));
  if (node) shown.get(node)?.({ kind: "failure", reason: reason.trim().slice(0, MOST_LETTERS) });
}

/**
 * @param {Page.App} app
 * @param {string} path ids from the outermost graph inwards, with colons between
 */
function findByPath(app, path) {
  let graph = /** @type {any} */ (app).rootGraph ?? app.graph;
  const ids = path.split(":");
  for (const id of ids.slice(0, -1)) graph = graph?.getNodeById(id)?.subgraph;
  return /** @type {Page.Node | undefined} */ (graph?.getNodeById(ids[ids.length - 1]));
}

/**
 * Keep a result with the workflow: a change like any other, which the page saves and makes a step of undo of.
 * @param {Page.App} app
 * @param {Page.Node} node
 * @param {import("./result.js").Result} result
 * @param {() => void} show
 */
function keepResult(app, node, result, show) {
  changeGraph(app, () => {
    node.properties[KEPT] = /** @type {any} */ (result);
  });
  latest.set(keyOf(node), result);
  show();
}

/** @param {Page.Node} node */
const keyOf = (node) => `${node.graph?.id} ${node.id}`;

/** @param {import("./result.js").Result} result */
function listParts(result) {
  const sentence = make("p", { class: result.kind === "failure" ? "rece-sentence rece-failed" : "rece-sentence" });
  sentence.textContent = describeResult(result);
  if (result.kind === "failure") return [sentence];
  const figures = listFigures(result).map(({ name, value }) =>
    make(
      "div",
      { class: `rece-figure rece-${name}` },
      make("dt", {}, drawMark(name), say(name)),
      make("dd", {}, value),
    ),
  );
  const parts = [sentence, make("dl", { class: "rece-figures" }, ...figures)];
  if (result.kind === "erasure" && result.epochs.length > 1) parts.push(drawPlot(result.epochs));
  if (result.kind === "erasure") parts.push(...describeOthers(result).map((text) => make("p", {}, text)));
  if (result.kind === "erasure" && result.note) parts.push(make("p", { class: "rece-hint" }, result.note));
  return [...parts, makeCopyButton(result)];
}

/** @param {import("./result.js").Result} result */
function makeCopyButton(result) {
  const button = makeButton(say("copy"), copy, { class: "rece-copy" });
  async function copy() {
    await navigator.clipboard.writeText(copyText(result));
    button.textContent = say("copied");
    setTimeout(() => {
      button.textContent = say("copy");
    }, 1500);
  }
  return button;
}

/** @param {import("./curve.js").Epoch[]} epochs */
function drawPlot(epochs) {
  const lines = drawCurve(epochs, WIDTH, HEIGHT).flatMap(({ name, points }) => [
    makeSvg("path", { d: toPath(points), class: `rece-line rece-${name}` }),
    ...points.map(([x, y]) => makeSvg("path", { d: markAt(name, x, y), class: `rece-mark rece-${name}` })),
  ]);
  const axis = makeSvg("path", { d: `M0 0 H${WIDTH} M0 ${HEIGHT} H${WIDTH}`, class: "rece-axis" });
  const box = `${-EDGE} ${-EDGE} ${WIDTH + 2 * EDGE} ${HEIGHT + 2 * EDGE}`;
  const plot = makeSvg("svg", { viewBox: box, role: "img", "aria-label": say("curveLabel") }, axis, ...lines);
  const last = say("lastEpoch", { epoch: epochs[epochs.length - 1].epoch });
  const ends = make("div", { class: "rece-ends" }, make("span", {}, say("firstEdit")), make("span", {}, last));
  return make("div", { class: "rece-plot" }, plot, ends);
}

/** @param {string} name */
function drawMark(name) {
  const mark = makeSvg("path", { d: markAt(name, 5, 5), class: `rece-mark rece-${name}` });
  return makeSvg("svg", { viewBox: "0 0 10 10", class: "rece-key", "aria-hidden": "true" }, mark);
}

/**
 * A circle, a square or a triangle, so that colours alone tell nothing apart.
 * @param {string} name
 * @param {number} x
 * @param {number} y
 */
function markAt(name, x, y) {
  if (name === "recoverable") return `M${x - 3} ${y - 3} h6 v6 h-6 Z`;
  if (name === "drift") return `M${x} ${y - 3.8} l3.6 6.6 h-7.2 Z`;
  return `M${x - 3.4} ${y} a3.4 3.4 0 1 0 6.8 0 a3.4 3.4 0 1 0 -6.8 0 Z`;
}
