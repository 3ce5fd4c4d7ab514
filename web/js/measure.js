/** How high nodes are, in both of the page's renderers. */

const [ROW, GAP] = [20, 4]; // height of a widget of one line, and what the page leaves free below it

/**
 * The height that a node needs. The page's own measure counts what Nodes 2.0 folds away.
 * @param {Page.Node} node
 */
export function measureHeight(node) {
  const height = node.computeSize()[1];
  if (!window.LiteGraph.vueNodesMode || node.showAdvanced) return height;
  const folded = (node.widgets ?? []).filter(({ options }) => /** @type {any} */ (options)?.advanced);
  return folded.reduce((rest, each) => rest - GAP - (each.computeLayoutSize?.(node).minHeight ?? ROW), height);
}
