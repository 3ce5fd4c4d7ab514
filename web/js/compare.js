/** "Compare before and after": what draws with the erased model, once more with the original, from the same seed. */

import { ERASING, findBranch } from "./branch.js";
import { addNode, boxOf, changeGraph, createNodes, describeLinks, findInput, tell } from "./graph.js";
import { GAP, TITLE, enclose, findFree } from "./layout.js";
import { findWidget, setWidget } from "./widgets.js";
import { say } from "./words.js";

const SEEDS = ["seed", "noise_seed"];
const CONTROL = "control_after_generate";

/**
 * @param {Page.Node} node
 * @returns {boolean} whether before and after can be compared from here
 */
export function canCompare(node) {
  const gives = (node.outputs ?? []).some(({ type }) => type === "LATENT" || type === "IMAGE");
  if (!node.graph || !(gives || ERASING.has(String(node.type)))) return false;
  return findBranch(describeLinks(node.graph), node.id) !== null;
}

/**
 * @param {Page.App} app
 * @param {Page.Node | undefined} node by default the one selected, or the first from which it is possible
 */
export function compareBeforeAfter(app, node = chooseStart(app)) {
  const graph = node?.graph;
  const branch = node && graph ? findBranch(describeLinks(graph), node.id) : null;
  if (!graph || !branch) return tell(app, say("noBranch"));
  try {
    const made = createNodes(["ReceCompare", "PreviewImage"]);
    changeGraph(app, () => addComparison(app, graph, branch, made));
  } catch (error) {
    tell(app, error instanceof Error ? error.message : String(error));
  }
  return undefined;
}

/**
 * @param {Page.App} app
 * @param {Page.Graph} graph
 * @param {import("./branch.js").Branch} branch
 * @param {Page.Node[]} made the nodes that compare and show
 */
function addComparison(app, graph, branch, [compare, preview]) {
  const nodes = branch.nodes.flatMap((id) => graph.getNodeById(id) ?? []);
  const copies = copyBelow(graph, nodes);
  connectCopies(graph, branch, nodes, copies);
  nodes.forEach((node, index) => shareSeed(graph, node, copies[index]));
  const picture = nodes[nodes.length - 1];
  const [left, top, width] = enclose([...nodes, ...copies].map(boxOf));
  const row = /** @type {import("./layout.js").Box} */ ([
    left + width + GAP,
    top,
    compare.size[0] + GAP + preview.size[0],
    Math.max(compare.size[1], preview.size[1]),
  ]);
  const [x, y] = findFree(row, graph.nodes.map(boxOf));
  addNode(graph, compare, [x, y]);
  addNode(graph, preview, [x + compare.size[0] + GAP, y]);
  const slot = picture.outputs.findIndex(({ type }) => type === "IMAGE");
  copies[copies.length - 1].connect(slot, compare, findInput(compare, "before"));
  picture.connect(slot, compare, findInput(compare, "after"));
  compare.connect(0, preview, 0);
  app.canvas.deselectAll();
  app.canvas.select(compare);
}

/**
 * Copies of nodes, arranged as they are, in the first free place below them.
 * @param {Page.Graph} graph
 * @param {Page.Node[]} nodes
 * @returns {Page.Node[]}
 */
function copyBelow(graph, nodes) {
  const [x, y, width, height] = enclose(nodes.map(boxOf));
  const start = /** @type {import("./layout.js").Box} */ ([x, y + height + TITLE + GAP / 2, width, height]);
  const [, top] = findFree(start, graph.nodes.map(boxOf));
  return nodes.map((node) => {
    const copy = node.clone();
    if (!copy) throw new Error(say("missingNodes", { type: String(node.type) }));
    copy.title = say("before", { title: node.title });
    addNode(graph, copy, [node.pos[0], node.pos[1] + top - y]);
    return copy;
  });
}

/**
 * Connect copies as their originals are, but to the model as it was before the erasure.
 * @param {Page.Graph} graph
 * @param {import("./branch.js").Branch} branch
 * @param {Page.Node[]} nodes
 * @param {Page.Node[]} copies
 */
function connectCopies(graph, branch, nodes, copies) {
  for (const [index, node] of nodes.entries()) {
    for (const [slot, input] of node.inputs.entries()) {
      const link = input.link == null ? null : graph.getLink(input.link);
      if (!link) continue;
      const inside = nodes.findIndex(({ id }) => id === link.origin_id);
      const erased = link.origin_id === branch.erasing && input.type === "MODEL";
      const origin = erased ? graph.getNodeById(branch.original.id) : graph.getNodeById(link.origin_id);
      const from = inside >= 0 ? copies[inside] : origin;
      const at = findInput(copies[index], input.name);
      from?.connect(erased ? branch.original.slot : link.origin_slot, copies[index], at < 0 ? slot : at);
    }
  }
}

/**
 * Have a node and its copy draw from the same seed, whatever becomes of it after a run: from one node for both.
 * @param {Page.Graph} graph
 * @param {Page.Node} node
 * @param {Page.Node} copy
 */
function shareSeed(graph, node, copy) {
  const name = SEEDS.find((each) => findWidget(node, each));
  const slot = name ? findInput(node, name) : -1;
  if (!name || slot < 0 || node.inputs[slot].link != null) return;
  const [seed] = createNodes(["PrimitiveInt"]);
  seed.title = say("seedTitle");
  const place = findFree([node.pos[0] - seed.size[0] - GAP, node.pos[1], ...sizeOf(seed)], graph.nodes.map(boxOf));
  addNode(graph, seed, place);
  setWidget(seed, "value", Number(findWidget(node, name)?.value ?? 0));
  setWidget(seed, CONTROL, String(findWidget(node, CONTROL)?.value ?? "fixed"));
  seed.connect(0, node, slot);
  seed.connect(0, copy, findInput(copy, name));
}

/** @type {(node: Page.Node) => [number, number]} */
const sizeOf = (node) => [node.size[0], node.size[1]];

/**
 * @param {Page.App} app
 * @returns {Page.Node | undefined}
 */
function chooseStart(app) {
  const selected = Object.values(app.canvas.selected_nodes ?? {});
  return (selected.length > 0 ? selected : (app.canvas.graph?.nodes ?? [])).find(canCompare);
}
