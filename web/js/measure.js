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

/**
 * After loading: take back the room that the page made for what it folds away, unless somebody wanted more still.
 * @param {Page.Node} node
 */
export function fitFolded(node) {
  const [width, height] = node.size;
  if (height <= node.computeSize()[1]) node.setSize([width, measureHeight(node)]);
}
