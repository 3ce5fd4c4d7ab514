import assert from "node:assert/strict";
import { test } from "node:test";

import { translateDefinitions, translateLabels } from "../../web/js/node_texts.js";

const TEXTS = {
  ReceIterate: {
    display_name: "RECE 迭代",
    description: "让模型忘记概念。",
    inputs: { model: { name: "模型", tooltip: "要擦除的模型。" }, epochs: { name: "轮次", tooltip: "多少次。" } },
    outputs: { 0: { name: "模型", tooltip: "擦除后的模型。" } },
  },
};

test("a definition says what it says in the page's language, and all else as before", () => {
  const definitions = {
    ReceIterate: {
      display_name: "RECE Iterate",
      description: "Makes the model forget.",
      input: {
        required: { model: ["MODEL", { tooltip: "The model." }], epochs: ["INT", { default: 3, tooltip: "" }] },
      },
      output_tooltips: ["The erased model.", "The erasure."],
    },
    KSampler: { display_name: "KSampler", description: "", input: {} },
  };
  translateDefinitions(definitions, TEXTS);
  assert.equal(definitions.ReceIterate.display_name, "RECE 迭代");
  assert.equal(definitions.ReceIterate.description, "让模型忘记概念。");
  assert.deepEqual(definitions.ReceIterate.input.required, {
    model: ["MODEL", { tooltip: "要擦除的模型。" }],
    epochs: ["INT", { default: 3, tooltip: "多少次。" }],
  });
  assert.deepEqual(definitions.ReceIterate.output_tooltips, ["擦除后的模型。", "The erasure."]);
  assert.equal(definitions.KSampler.display_name, "KSampler");
});

test("texts of a node that the server lacks are passed over", () => {
  translateDefinitions({}, TEXTS);
});

test("labels are translated where nobody has named them", () => {
  /** @type {Required<import("../../web/js/node_texts.js").Labelled>} */
  const node = {
    inputs: [
      { name: "model", localized_name: "model" },
      { name: "epochs", localized_name: "my epochs" },
    ],
    widgets: [{ name: "epochs" }, { name: "rece-panel" }],
    outputs: [{ name: "model", localized_name: "model" }],
  };
  translateLabels(node, TEXTS.ReceIterate);
  assert.deepEqual(
    node.inputs.map((input) => input.localized_name),
    ["模型", "my epochs"],
  );
  assert.deepEqual(
    node.widgets.map((widget) => widget.label),
    ["轮次", undefined],
  );
  assert.equal(node.outputs[0].localized_name, "模型");
});

test("without texts everything stays", () => {
  const node = { inputs: [{ name: "model", localized_name: "model" }] };
  translateLabels(node, undefined);
  assert.equal(node.inputs[0].localized_name, "model");
});
