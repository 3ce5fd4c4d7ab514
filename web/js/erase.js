/** "Erase a concept": RECE Concepts and RECE Iterate behind a node that gives a model and its text encoder. */

import {
  addNode,
  boxOf,
  changeGraph,
  createNodes,
  findInput,
  findOutput,
  listReaders,
  moveNodes,
  tell,
} from "./graph.js";
import { placeBehind } from "./layout.js";
import { setWidget } from "./widgets.js";
import { say } from "./words.js";

const SUBGRAPH_END = -20; // what the library calls the end of a subgraph that its outputs lie in

/**
 * @param {Page.Node} node
 * @returns {boolean} whether a concept can be erased behind it
 */
export function canErase(node) {
  return findOutput(node, "MODEL") >= 0 && findOutput(node, "CLIP") >= 0;
}

/**
 * Ask what shall be forgotten, and erase it behind a node; nothing happens where the user declines.
 * @param {Page.App} app
 * @param {Page.Node | null} source by default the one selected, or the only one there can be
 */
export async function askAndErase(app, source = chooseSource(app)) {
  if (!source) return tell(app, say("noSource"));
  const targets = await app.extensionManager.dialog.prompt({
    title: say("askTitle"),
    message: say("askMessage"),
    defaultValue: "",
  });
  if (targets == null) return undefined;
  try {
    eraseBehind(app, source, targets.trim());
  } catch (error) {
    tell(app, error instanceof Error ? error.message : String(error));
  }
  return undefined;
}

/**
 * @param {Page.App} app
 * @param {Page.Node} source
 * @param {string} targets
 */
function eraseBehind(app, source, targets) {
  const graph = source.graph;
  if (!graph) return;
  const [concepts, iterate] = createNodes(["ReceConcepts", "ReceIterate"]);
  const model = findOutput(source, "MODEL");
  changeGraph(app, () => {
    makeRoom(app, graph, source, [concepts, iterate]);
    setWidget(concepts, "targets", targets);
    const readers = listReaders(source, model);
    source.connect(model, iterate, findInput(iterate, "model"));
    source.connect(findOutput(source, "CLIP"), iterate, findInput(iterate, "clip"));
    concepts.connect(0, iterate, findInput(iterate, "concepts"));
    for (const reader of readers) rewire(graph, iterate, reader);
    app.canvas.deselectAll();
    app.canvas.select(concepts);
  });
}

/**
 * Add nodes in a row behind a source, and move what is in their way.
 * @param {Page.App} app
 * @param {Page.Graph} graph
 * @param {Page.Node} source
 * @param {Page.Node[]} added
 */
function makeRoom(app, graph, source, added) {
  const others = graph.nodes.filter((node) => node !== source);
  const sizes = added.map((node) => /** @type {[number, number]} */ ([...node.size]));
  const { places, shift, moved } = placeBehind(boxOf(source), sizes, others.map(boxOf));
  const edge = source.pos[0] + source.size[0];
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
 * Have a reader of the original model read the erased one.
 * @param {Page.Graph} graph
 * @param {Page.Node} iterate
 * @param {{ id: number | string, slot: number }} reader
 */
function rewire(graph, iterate, reader) {
  const erased = findOutput(iterate, "MODEL");
  if (reader.id === SUBGRAPH_END && "outputNode" in graph) {
    graph.outputNode.slots[reader.slot]?.connect(iterate.outputs[erased], iterate);
    return;
  }
  const node = graph.getNodeById(reader.id);
  if (node) iterate.connect(erased, node, reader.slot);
}

/**
 * @param {Page.App} app
 * @returns {Page.Node | null}
 */
function chooseSource(app) {
  const selected = Object.values(app.canvas.selected_nodes ?? {}).filter(canErase);
  const possible = (app.canvas.graph?.nodes ?? []).filter(canErase);
  const [one, another] = selected.length > 0 ? selected : possible;
  return one && !another ? one : null;
}
