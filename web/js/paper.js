/** The paper's numbers for a kind, filled in where they will be used, and left alone where somebody chose others. */

import { listReaders } from "./graph.js";
import { isUntouched } from "./kinds.js";
import { findWidget, readText, setWidget, unfold, watchLoading, watchWidgets } from "./widgets.js";

const NUMBERS = /** @type {const} */ (["epochs", "derivation_ridge"]);

/**
 * RECE Concepts and RECE Erase: a new kind brings its anchor, and its numbers to each RECE Iterate behind it.
 * @param {Page.Node} node
 * @param {import("./ask_server.js").Server} server
 */
export function followKind(node, server) {
  let last = readText(node, "kind");
  watchLoading(node, () => {
    last = readText(node, "kind");
  });
  watchWidgets(node, ["kind"], () => {
    const presets = server.presets();
    const kind = readText(node, "kind");
    const [before, now] = [presets[last], presets[kind]];
    last = kind;
    if (!before || !now || before === now) return;
    const anchors = ["", " ", before.anchor];
    if (isUntouched(readText(node, "default_anchor"), anchors)) setWidget(node, "default_anchor", now.anchor.trim());
    for (const { id } of listReaders(node, 0)) {
      const reader = node.graph?.getNodeById(id);
      if (reader?.type === "ReceIterate") fillNumbers(reader, now, before);
    }
  });
}

/**
 * RECE Iterate: schedule 'paper' shows the paper's numbers, and a number of one's own makes it 'manual'.
 * @param {Page.Node} node
 * @param {import("./ask_server.js").Server} server
 */
export function followSchedule(node, server) {
  /** @type {unknown[] | null} */
  let before = null;
  const read = () => NUMBERS.map((name) => findWidget(node, name)?.value);
  watchWidgets(node, ["schedule"], () => {
    const preset = findPreset(node, server.presets());
    const schedule = readText(node, "schedule");
    if (schedule !== "automatic") unfold(node); // what counts then is among what is folded away
    if (schedule === "paper" && preset) {
      before ??= read();
      fillNumbers(node, preset, null);
    } else if (schedule === "automatic" && before) {
      const chosen = before;
      before = null;
      NUMBERS.forEach((name, index) => setWidget(node, name, Number(chosen[index])));
    }
  });
  watchWidgets(node, [...NUMBERS], (name) => {
    const preset = findPreset(node, server.presets());
    const key = /** @type {"epochs" | "derivation_ridge"} */ (name);
    const own = preset && Number(findWidget(node, name)?.value) !== preset[key];
    if (own && readText(node, "schedule") === "paper" && !filling.has(node)) setWidget(node, "schedule", "manual");
  });
}

/** Nodes whose numbers the page is filling in right now. @type {WeakSet<Page.Node>} */
const filling = new WeakSet();

/**
 * @param {Page.Node} node a RECE Iterate
 * @param {import("./kinds.js").Preset} preset
 * @param {import("./kinds.js").Preset | null} before the kind's before; what differs from it was chosen by somebody
 */
function fillNumbers(node, preset, before) {
  const schedule = readText(node, "schedule");
  if (schedule !== "paper" && schedule !== "manual") return;
  filling.add(node);
  for (const name of NUMBERS) {
    const untouched = schedule === "paper" || (before && isUntouched(findWidget(node, name)?.value, [before[name]]));
    if (untouched) setWidget(node, name, preset[name]);
  }
  filling.delete(node);
}

/**
 * The preset of the kind that a RECE Iterate gets its concepts of.
 * @param {Page.Node} node
 * @param {import("./kinds.js").Presets} presets
 */
function findPreset(node, presets) {
  const input = node.inputs.find(({ name }) => name === "concepts");
  const link = input?.link == null ? null : node.graph?.getLink(input.link);
  const concepts = link ? node.graph?.getNodeById(link.origin_id) : null;
  return concepts ? presets[readText(concepts, "kind")] : undefined;
}
