/** "Erase a concept": RECE Erase behind a node that gives a model and its text encoder. */

import {
  addBehind,
  boxOf,
  changeGraph,
  connectReader,
  createNodes,
  findInput,
  findOutput,
  listReaders,
  tell,
} from "./graph.js";
import { setWidget } from "./widgets.js";
import { say } from "./words.js";

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
  const [erase] = createNodes(["ReceErase"]);
  const model = findOutput(source, "MODEL");
  changeGraph(app, () => {
    const others = graph.nodes.filter((node) => node !== source);
    addBehind(app, graph, boxOf(source), others, [erase]);
    setWidget(erase, "targets", targets);
    const readers = listReaders(source, model);
    source.connect(model, erase, findInput(erase, "model"));
    source.connect(findOutput(source, "CLIP"), erase, findInput(erase, "clip"));
    for (const reader of readers) connectReader(graph, erase, findOutput(erase, "MODEL"), reader);
    app.canvas.deselectAll();
    app.canvas.select(erase);
  });
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
