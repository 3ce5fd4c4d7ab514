/** "Unfold": RECE Concepts and RECE Iterate in the place of a RECE Erase, with its values, for the same erasure. */

import {
  addBehind,
  boxOf,
  changeGraph,
  connectReader,
  connectSource,
  createNodes,
  listReaders,
  tell,
} from "./graph.js";
import { GAP } from "./layout.js";
import { findWidget, setWidget } from "./widgets.js";
import { say } from "./words.js";

const SLIDER = "thoroughness";
/** What RECE Concepts is given; the kind first, because a new one brings an anchor. */
const TEXTS = ["kind", "targets", "default_anchor"];

/**
 * @param {Page.Node} node
 * @returns {boolean}
 */
export function canUnfold(node) {
  return node.type === "ReceErase" && node.graph != null;
}

/**
 * @param {Page.App} app
 * @param {Page.Node | null} node by default the one selected, or the only one there is
 */
export function unfoldErase(app, node = chooseNode(app)) {
  const graph = node?.graph;
  if (!node || !graph) return tell(app, say("noErase"));
  // What is left to 1 of a value that another node gives cannot be written into a widget.
  if (findLink(graph, node, SLIDER)) return tell(app, say("linkedSlider"));
  try {
    const made = createNodes(["ReceConcepts", "ReceIterate"]);
    changeGraph(app, () => replaceNode(app, graph, node, made));
  } catch (error) {
    tell(app, error instanceof Error ? error.message : String(error));
  }
  return undefined;
}

/**
 * @param {Page.App} app
 * @param {Page.Graph} graph
 * @param {Page.Node} node
 * @param {Page.Node[]} made
 */
function replaceNode(app, graph, node, [concepts, iterate]) {
  const links = node.inputs.map(({ name }) => ({ name, link: findLink(graph, node, name) }));
  const readers = node.outputs.map((_, slot) => listReaders(node, slot));
  const thoroughness = Number(findWidget(node, SLIDER)?.value);
  const [x, y, , height] = boxOf(node);
  const others = graph.nodes.filter((each) => each !== node);
  addBehind(app, graph, [x - GAP, y, 0, height], others, [concepts, iterate], x);
  for (const name of TEXTS) setWidget(concepts, name, String(findWidget(node, name)?.value ?? ""));
  setWidget(iterate, SLIDER, thoroughness);
  setWidget(iterate, "carefulness", Number((1 - thoroughness).toFixed(10))); // as nodes/erase.py rounds it
  for (const each of [concepts, iterate]) each.mode = node.mode;
  for (const { name, link } of links) {
    if (link) connectSource(graph, link, TEXTS.includes(name) ? concepts : iterate, name);
  }
  concepts.connect(
    0,
    iterate,
    iterate.inputs.findIndex(({ name }) => name === "concepts"),
  );
  graph.remove(node);
  readers.forEach((each, slot) => each.forEach((reader) => connectReader(graph, iterate, slot, reader)));
  app.canvas.deselectAll();
  app.canvas.select(concepts);
}

/**
 * @param {Page.Graph} graph
 * @param {Page.Node} node
 * @param {string} name of an input
 */
function findLink(graph, node, name) {
  const link = node.inputs.find((input) => input.name === name)?.link;
  return link == null ? null : graph.getLink(link);
}

/**
 * @param {Page.App} app
 * @returns {Page.Node | null}
 */
function chooseNode(app) {
  const selected = Object.values(app.canvas.selected_nodes ?? {}).filter(canUnfold);
  const possible = (app.canvas.graph?.nodes ?? []).filter(canUnfold);
  const [one, another] = selected.length > 0 ? selected : possible;
  return one && !another ? one : null;
}
