/** Which part of a graph draws with the erased model, and so has to be drawn again with the original. */

/** Nodes of the pack that take a MODEL and give it back erased. */
export const ERASING = new Set(["ReceErase", "ReceIterate", "ReceEditModel", "ReceApplyErasure"]);

/**
 * @typedef {number | string} Id
 *
 * @typedef {object} Input
 * @property {string} name
 * @property {string} type
 * @property {{ id: Id, slot: number } | null} from
 *
 * @typedef {object} Output
 * @property {string} type
 * @property {{ id: Id, slot: number }[]} to
 *
 * @typedef {object} Entry a node as far as its links go
 * @property {Id} id
 * @property {string} type
 * @property {Input[]} inputs
 * @property {Output[]} outputs
 *
 * @typedef {object} Branch
 * @property {Id} erasing the node that erases
 * @property {{ id: Id, slot: number }} original where its MODEL comes from
 * @property {Id[]} nodes all that lies between it and the picture, which is the last of them
 */

/**
 * The branch that a node belongs to: from the node that erases, to the first node that gives pictures.
 * @param {Entry[]} entries all nodes of the graph
 * @param {Id} id a node that erases, or one behind such a node
 * @returns {Branch | null} null where there is no erasing node, nothing drawn with it, or no model before it
 */
export function findBranch(entries, id) {
  const nodes = new Map(entries.map((entry) => [entry.id, entry]));
  const erasing = walk(nodes, id, (entry) => entry.inputs.flatMap(({ from }) => (from ? [from.id] : []))).find(
    (entry) => ERASING.has(entry.type),
  );
  const original = erasing?.inputs.find(({ type }) => type === "MODEL")?.from;
  if (!erasing || !original) return null;
  const given = erasing.outputs.find(({ type }) => type === "MODEL")?.to ?? [];
  const behind = new Map(given.flatMap((link) => walk(nodes, link.id, listReaders)).map((entry) => [entry.id, entry]));
  const picture = [...behind.values()].find((entry) => entry.outputs.some(({ type }) => type === "IMAGE"));
  if (!picture) return null;
  const before = walk(nodes, picture.id, (entry) => entry.inputs.flatMap(({ from }) => (from ? [from.id] : [])));
  const between = before.filter((entry) => behind.has(entry.id)).map((entry) => entry.id);
  return { erasing: erasing.id, original, nodes: between.reverse() };
}

/**
 * Nodes in the order of their distance from one, the nearest first, itself included.
 * @param {Map<Id, Entry>} nodes
 * @param {Id} start
 * @param {(entry: Entry) => Id[]} next
 * @returns {Entry[]}
 */
function walk(nodes, start, next) {
  const found = new Map();
  let edge = [start];
  while (edge.length > 0) {
    const entries = edge.flatMap((id) => nodes.get(id) ?? []).filter((entry) => !found.has(entry.id));
    for (const entry of entries) found.set(entry.id, entry);
    edge = entries.flatMap(next);
  }
  return [...found.values()];
}

/** @type {(entry: Entry) => Id[]} */
const listReaders = (entry) => entry.outputs.flatMap(({ to }) => to.map((link) => link.id));
