/** The one bridge to the widgets of nodes: read and set their values, hear of changes, add a panel below them. */

import { measureHeight } from "./measure.js";
import { isChosen, watchSettings } from "./settings.js";

const MOST = 300; // pixels a panel may claim; beyond, it scrolls
const MARGIN = 20; // what the page leaves free above and below it

/**
 * @param {Page.Node} node
 * @param {string} name
 * @returns {Page.Widget | undefined}
 */
export function findWidget(node, name) {
  return node.widgets?.find((widget) => widget.name === name);
}

/**
 * @param {Page.Node} node
 * @param {string} name
 * @returns {string} its value as text; empty where there is no such widget
 */
export function readText(node, name) {
  return String(findWidget(node, name)?.value ?? "");
}

/**
 * Set a widget as if the user had: the page learns of it in both of its renderers.
 * @param {Page.Node} node
 * @param {string} name
 * @param {string | number} value
 */
export function setWidget(node, name, value) {
  const widget = findWidget(node, name);
  if (!widget) return;
  widget.value = value;
  widget.callback?.(value);
}

/**
 * Call back after each change of the widgets named, by whomever.
 * @param {Page.Node} node
 * @param {string[]} names
 * @param {(name: string) => void} heard
 */
export function watchWidgets(node, names, heard) {
  for (const name of names) {
    const widget = findWidget(node, name);
    if (!widget) continue;
    const before = widget.callback;
    widget.callback = function (...given) {
      before?.apply(this, given);
      heard(name);
    };
  }
}

/**
 * Call back whenever a node was filled from a saved workflow, which undo does too.
 * @param {Page.Node} node
 * @param {() => void} filled
 */
export function watchLoading(node, filled) {
  const before = node.onConfigure;
  node.onConfigure = function (...given) {
    before?.apply(this, given);
    filled();
  };
}

/**
 * Show what the page has folded away of a node, where it folds: in Nodes 2.0, from some version on.
 * @param {Page.Node} node
 */
export function unfold(node) {
  node.showAdvanced = true;
  node.setDirtyCanvas(true, true);
}

/**
 * Add a panel below a node's widgets; it is no value, and no part of what is saved or run. It takes the height that its
 * content needs, and the node grows with it; saved is the node's size without it, so that undo makes no step of it.
 * @param {Page.Node} node
 * @param {HTMLElement} panel whose only child holds the content
 * @param {string} setting by which users have it or not
 * @param {() => void} show fills the content
 */
export function addPanel(node, panel, setting, show) {
  let height = 0;
  const options = { serialize: false, hideOnZoom: false, getMinHeight: () => height };
  const widget = /** @type {Page.PageNode} */ (node).addDOMWidget(panel.className, "rece", panel, options);
  widget.serialize = false;
  const content = /** @type {HTMLElement} */ (panel.firstElementChild);
  const fit = () => {
    if (content.offsetHeight === 0 && !content.hidden) return; // not on the screen now
    const needed = content.hidden ? 0 : Math.min(MOST, content.offsetHeight) + MARGIN;
    if (needed === height) return;
    const spare = Math.max(0, node.size[1] - measureHeight(node));
    height = needed;
    node.setSize([node.size[0], measureHeight(node) + spare]);
    node.graph?.setDirtyCanvas(true, true);
  };
  const choose = () => {
    content.hidden = !isChosen(setting);
    if (!content.hidden) show();
    fit();
  };
  const serialized = node.onSerialize;
  node.onSerialize = function (saved) {
    serialized?.call(this, saved);
    saved.size = [saved.size[0], saved.size[1] - height];
  };
  watchLoading(node, () => node.setSize([node.size[0], node.size[1] + height]));
  const observer = new ResizeObserver(fit);
  observer.observe(content);
  const unwatch = watchSettings(choose);
  choose();
  const removed = node.onRemoved;
  node.onRemoved = function () {
    observer.disconnect();
    unwatch();
    removed?.apply(this);
  };
}
