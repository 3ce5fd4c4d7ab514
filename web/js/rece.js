/** The entry: registers the pack with the page. The other scripts only define things; loaded alone they do nothing. */

import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";
import { connectServer, fetchNodeTexts, fetchWords } from "./ask_server.js";
import { canCompare, compareBeforeAfter } from "./compare.js";
import { addConceptsPanel } from "./concepts_panel.js";
import { loadStyles } from "./elements.js";
import { askAndErase, canErase } from "./erase.js";
import { fitFolded } from "./measure.js";
import { translateDefinitions, translateLabels } from "./node_texts.js";
import { followKind, followSchedule } from "./paper.js";
import { SHOWING, addResultPanel, showFailure } from "./result_panel.js";
import { SETTINGS, translateSettings } from "./settings.js";
import { canUnfold, unfoldErase } from "./unfold.js";
import { say, translate } from "./words.js";

const ERASE = "RECE.EraseConcept";
const COMPARE = "RECE.CompareBeforeAfter";
const UNFOLD = "RECE.UnfoldErase";
const server = connectServer(api);
/** @type {Record<string, import("./node_texts.js").NodeTexts>} */
let nodeTexts = {};

app.registerExtension({
  name: "rece.page",
  commands: [
    {
      id: ERASE,
      label: () => say("eraseEntry"),
      icon: "pi pi-eraser",
      function: () => askAndErase(app),
    },
    {
      id: COMPARE,
      label: () => say("compareEntry"),
      icon: "pi pi-images",
      function: () => compareBeforeAfter(app),
    },
    {
      id: UNFOLD,
      label: () => say("unfoldEntry"),
      icon: "pi pi-sitemap",
      function: () => unfoldErase(app),
    },
  ],
  keybindings: [{ combo: { key: "x", ctrl: true, shift: true }, commandId: ERASE }],
  settings: SETTINGS,
  menuCommands: [{ path: ["Edit"], commands: [ERASE, COMPARE, UNFOLD] }],

  async addCustomNodeDefs(definitions) {
    nodeTexts = await fetchNodeTexts(api, app.extensionManager.setting.get("Comfy.Locale"));
    translateDefinitions(definitions, nodeTexts);
  },

  async setup() {
    loadStyles();
    api.addEventListener("execution_error", ({ detail }) => showFailure(app, detail.node_id, detail.exception_message));
    api.addEventListener("execution_interrupted", ({ detail }) => showFailure(app, detail.node_id, ""));
    translate(await fetchWords(api, app.extensionManager.setting.get("Comfy.Locale")));
    translateSettings();
  },

  getNodeMenuItems(node) {
    return [
      ...(canErase(node) ? [{ content: say("eraseEntry"), callback: () => void askAndErase(app, node) }] : []),
      ...(canCompare(node) ? [{ content: say("compareEntry"), callback: () => compareBeforeAfter(app, node) }] : []),
      ...(canUnfold(node) ? [{ content: say("unfoldEntry"), callback: () => unfoldErase(app, node) }] : []),
    ];
  },

  // Buttons above a selected node: in the first pages with Nodes 2.0 its menu has no entries of packs.
  getSelectionToolboxCommands(item) {
    const node = /** @type {Page.Node} */ (item);
    if (!node.outputs) return []; // a group, or a reroute
    return [
      ...(canErase(node) ? [ERASE] : []),
      ...(canCompare(node) ? [COMPARE] : []),
      ...(canUnfold(node) ? [UNFOLD] : []),
    ];
  },

  loadedGraphNode(node) {
    if (String(node.comfyClass).startsWith("Rece")) fitFolded(node);
  },

  nodeCreated(node) {
    const type = String(node.comfyClass);
    translateLabels(node, nodeTexts[type]);
    if (type === "ReceConcepts" || type === "ReceErase") {
      followKind(node, server);
      addConceptsPanel(node, server);
    }
    if (type === "ReceIterate") followSchedule(node, server);
    if (SHOWING.has(type)) addResultPanel(app, /** @type {Page.PageNode} */ (node));
  },
});
