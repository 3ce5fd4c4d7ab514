import assert from "node:assert/strict";
import { test } from "node:test";

import { findBranch } from "../../web/js/branch.js";

/**
 * A graph of nodes by name, each with its type, its outputs' types, and inputs as [name, type, node, slot].
 * @param {Record<string, [type: string, outputs: string[], inputs: [string, string, string, number][]]>} nodes
 * @returns {import("../../web/js/branch.js").Entry[]}
 */
const build = (nodes) =>
  Object.entries(nodes).map(([id, [type, outputs, inputs]]) => ({
    id,
    type,
    inputs: inputs.map(([name, kind, from, slot]) => ({ name, type: kind, from: { id: from, slot } })),
    outputs: outputs.map((kind, slot) => ({
      type: kind,
      to: Object.entries(nodes).flatMap(([reader, [, , read]]) =>
        read.flatMap(([, , from, fromSlot], at) =>
          from === id && fromSlot === slot ? [{ id: reader, slot: at }] : [],
        ),
      ),
    })),
  }));

const PLAIN = build({
  loader: ["CheckpointLoaderSimple", ["MODEL", "CLIP", "VAE"], []],
  text: ["CLIPTextEncode", ["CONDITIONING"], [["clip", "CLIP", "loader", 1]]],
  erase: ["ReceIterate", ["MODEL"], [["model", "MODEL", "loader", 0]]],
  sampler: [
    "KSampler",
    ["LATENT"],
    [
      ["model", "MODEL", "erase", 0],
      ["positive", "CONDITIONING", "text", 0],
    ],
  ],
  decode: [
    "VAEDecode",
    ["IMAGE"],
    [
      ["samples", "LATENT", "sampler", 0],
      ["vae", "VAE", "loader", 2],
    ],
  ],
  save: ["SaveImage", [], [["images", "IMAGE", "decode", 0]]],
});

test("from the node that erases, and from the sampler behind it", () => {
  const branch = { erasing: "erase", original: { id: "loader", slot: 0 }, nodes: ["sampler", "decode"] };
  assert.deepEqual(findBranch(PLAIN, "erase"), branch);
  assert.deepEqual(findBranch(PLAIN, "sampler"), branch);
  assert.deepEqual(findBranch(PLAIN, "save"), branch);
});

test("what does not draw with an erased model has no branch", () => {
  assert.equal(findBranch(PLAIN, "text"), null);
  assert.equal(findBranch(PLAIN, "loader"), null);
  const unconnected = PLAIN.filter(({ id }) => !["sampler", "decode", "save"].includes(String(id)));
  assert.equal(findBranch(unconnected, "erase"), null);
});

test("a LoRA behind the erasure, and the texts it changes, belong to the branch", () => {
  const graph = build({
    loader: ["CheckpointLoaderSimple", ["MODEL", "CLIP"], []],
    erase: ["ReceApplyErasure", ["MODEL"], [["model", "MODEL", "loader", 0]]],
    lora: [
      "LoraLoader",
      ["MODEL", "CLIP"],
      [
        ["model", "MODEL", "erase", 0],
        ["clip", "CLIP", "loader", 1],
      ],
    ],
    text: ["CLIPTextEncode", ["CONDITIONING"], [["clip", "CLIP", "lora", 1]]],
    sampler: [
      "KSampler",
      ["LATENT"],
      [
        ["model", "MODEL", "lora", 0],
        ["positive", "CONDITIONING", "text", 0],
      ],
    ],
    decode: ["VAEDecode", ["IMAGE"], [["samples", "LATENT", "sampler", 0]]],
  });
  const nodes = findBranch(graph, "erase")?.nodes ?? [];
  assert.deepEqual(new Set(nodes), new Set(["lora", "text", "sampler", "decode"]));
  assert.equal(nodes.at(-1), "decode");
});
