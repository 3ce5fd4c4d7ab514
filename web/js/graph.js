/** The one bridge to the graph: read its nodes and links, add nodes, and change it in one step that undo takes back. */

import { placeBehind } from "./layout.js";
import { measureHeight } from "./measure.js";
import { say } from "./words.js";

// What the library calls a subgraph's own beginning and end, which its inputs and outputs lie in.
const [SUBGRAPH_START, SUBGRAPH_END] = [-10, -20];

/** @typedef {{ id: number | string, slot: number }} Reader a node by its id, and the number of its input */

/**
 * Do something to the graph that a single undo takes back.
 * @param {Page.App} app
 * @param {() => void} change
 */
export function changeGraph(app, change) {
  app.canvas.emitBeforeChange();
  try {
    change();
  } finally {
    app.canvas.emitAfterChange();
    app.canvas.setDirty(true, true);
  }
}

/**
 * @param {string[]} types
 * @returns {Page.Node[]} one of each, not yet in the graph; throws, with nothing made, where the host lacks one
 */
export function createNodes(types) {
  return types.map((type) => {
    const node = window.LiteGraph.createNode(type);
    if (!node) throw new Error(say("missingNodes", { type }));
    node.setSize([node.size[0], measureHeight(node)]);
    return node;
  });
}

/**
 * @param {Page.Graph} graph
 * @param {Page.Node} node
 * @param {[x: number, y: number]} place
 */
export function addNode(graph, node, place) {
  node.pos = place;
  graph.add(node);
}

/**
 * Move nodes in both renderers: from some version on a node's place is all there is to set; before, the canvas moved
 * what Nodes 2.0 draws.
 * @param {Page.App} app
 * @param {Page.Node[]} nodes
 * @param {number} right
 */
export function moveNodes(app, nodes, right) {
  const moves = nodes.map((node) => ({ node, newPos: { x: node.pos[0] + right, y: node.pos[1] } }));
  const canvas = /** @type {any} */ (app.canvas);
  if (!canvas.applyNodePositions) canvas.repositionNodesVueMode?.(moves);
  for (const { node, newPos } of moves) node.pos = [newPos.x, newPos.y];
}

/**
 * Add nodes in a row behind a box, and move what is in their way.
 * @param {Page.App} app
 * @param {Page.Graph} graph
 * @param {import("./layout.js").Box} source
 * @param {Page.Node[]} others all nodes but the one that the box stands for
 * @param {Page.Node[]} added
 * @param {number} [edge] groups that begin left of it and reach beyond it grow, those right of it move
 */
export function addBehind(app, graph, source, others, added, edge = source[0] + source[2]) {
  const sizes = added.map((node) => /** @type {[number, number]} */ ([...node.size]));
  const { places, shift, moved } = placeBehind(source, sizes, others.map(boxOf));
  if (shift > 0) {
    const inTheWay = others.filter((_, index) => moved.has(index));
    moveNodes(app, inTheWay, shift);
    for (const group of graph.groups) {
      if (group.pos[0] >= edge) group.pos = [group.pos[0] + shift, group.pos[1]];
      else if (group.pos[0] + group.size[0] > edge) group.size = [group.size[0] + shift, group.size[1]];
    }
  }
  added.forEach((node, index) => addNode(graph, node, places[index]));
}

/**
 * Have what read another node's output read this one's.
 * @param {Page.Graph} graph
 * @param {Page.Node} node
 * @param {number} slot of its outputs
 * @param {Reader} reader
 */
export function connectReader(graph, node, slot, reader) {
  if (reader.id === SUBGRAPH_END && "outputNode" in graph) {
    graph.outputNode.slots[reader.slot]?.connect(node.outputs[slot], node);
    return;
  }
  const found = graph.getNodeById(reader.id);
  if (found) node.connect(slot, found, reader.slot);
}

/**
 * Give a node's input what another input was given.
 * @param {Page.Graph} graph
 * @param {{ origin_id: number | string, origin_slot: number }} link into the other
 * @param {Page.Node} node
 * @param {string} name
 */
export function connectSource(graph, link, node, name) {
  const slot = findInput(node, name);
  if (link.origin_id === SUBGRAPH_START && "inputNode" in graph) {
    graph.inputNode.slots[link.origin_slot]?.connect(node.inputs[slot], node);
    return;
  }
  graph.getNodeById(link.origin_id)?.connect(link.origin_slot, node, slot);
}

/**
 * @param {Page.Node} node
 * @returns {import("./layout.js").Box}
 */
export function boxOf(node) {
  const folded = node.flags.collapsed;
  return [node.pos[0], node.pos[1], folded ? 200 : node.size[0], folded ? 0 : node.size[1]];
}

/**
 * The number of a node's first output of a type, -1 for none.
 * @param {Page.Node} node
 * @param {string} type
 */
export function findOutput(node, type) {
  return node.outputs?.findIndex((output) => output.type === type) ?? -1;
}

/**
 * @param {Page.Node} node
 * @param {string} name
 */
export function findInput(node, name) {
  return node.inputs.findIndex((input) => input.name === name);
}

/**
 * What reads a node's output: nodes by id, with the number of their input. An output of a subgraph has the id of the
 * subgraph's own end.
 * @param {Page.Node} node
 * @param {number} slot
 * @returns {Reader[]}
 */
export function listReaders(node, slot) {
  const links = node.outputs[slot]?.links ?? [];
  return links.flatMap((id) => {
    const link = node.graph?.getLink(id);
    return link ? [{ id: link.target_id, slot: link.target_slot }] : [];
  });
}

/**
 * All nodes of a graph as far as their links go, see branch.js.
 * @param {Page.Graph} graph
 * @returns {import("./branch.js").Entry[]}
 */
export function describeLinks(graph) {
  return graph.nodes.map((node) => ({
    id: node.id,
    type: String(node.type),
    inputs: (node.inputs ?? []).map((input) => {
      const link = input.link == null ? null : graph.getLink(input.link);
      const from = link ? { id: link.origin_id, slot: link.origin_slot } : null;
      return { name: input.name, type: String(input.type), from };
    }),
    outputs: (node.outputs ?? []).map((output, slot) => ({ type: String(output.type), to: listReaders(node, slot) })),
  }));
}

/**
 * Tell the user something that needs no answer.
 * @param {Page.App} app
 * @param {string} text
 */
export function tell(app, text) {
  app.extensionManager.toast.add({ severity: "warn", summary: "RECE", detail: text, life: 8000 });
}
