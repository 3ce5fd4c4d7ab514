/**
 * The nodes in the page's language.
 *
 * Pages up to 1.32 read the languages of packs first and then overwrite them with their own, so for them the texts are put
 * where they fall back to. Newer pages have done all of it before; what is translated already is left alone.
 */

/**
 * @typedef {{ name?: string, tooltip?: string }} Told
 * @typedef {object} NodeTexts a node's entry in `locales/<language>/nodeDefs.json`
 * @property {string} display_name
 * @property {string} description
 * @property {Record<string, Told>} [inputs]
 * @property {Record<string, Told>} [outputs] by place
 *
 * @typedef {object} Definition what the server tells of a node, as far as it is text
 * @property {string} display_name
 * @property {string} description
 * @property {{ required?: Record<string, any>, optional?: Record<string, any> }} [input] type and options by name
 * @property {string[]} [output_tooltips]
 *
 * @typedef {{ name: string, localized_name?: string }} Slot
 * @typedef {{ inputs?: Slot[], outputs?: Slot[], widgets?: { name: string, label?: string }[] }} Labelled
 */

/**
 * Put the texts into the definitions that the page makes its nodes from.
 * @param {Record<string, Definition>} definitions
 * @param {Record<string, NodeTexts>} texts
 */
export function translateDefinitions(definitions, texts) {
  for (const [type, told] of Object.entries(texts)) {
    const definition = definitions[type];
    if (!definition) continue;
    definition.display_name = told.display_name;
    definition.description = told.description;
    for (const inputs of [definition.input?.required, definition.input?.optional]) {
      for (const [name, described] of Object.entries(inputs ?? {})) {
        const tooltip = told.inputs?.[name]?.tooltip;
        if (tooltip) described[1] = { ...described[1], tooltip };
      }
    }
    definition.output_tooltips = definition.output_tooltips?.map(
      (tooltip, place) => told.outputs?.[place]?.tooltip ?? tooltip,
    );
  }
}

/**
 * Name the inputs, widgets and outputs of a node that still have the names that workflows know them by.
 * @param {Labelled} node
 * @param {NodeTexts | undefined} told
 */
export function translateLabels(node, told) {
  if (!told) return;
  for (const input of node.inputs ?? []) {
    if ((input.localized_name ?? input.name) === input.name) input.localized_name = told.inputs?.[input.name]?.name;
  }
  for (const widget of node.widgets ?? []) {
    if ((widget.label ?? widget.name) === widget.name) widget.label = told.inputs?.[widget.name]?.name;
  }
  (node.outputs ?? []).forEach((output, place) => {
    if ((output.localized_name ?? output.name) === output.name) output.localized_name = told.outputs?.[place]?.name;
  });
}
