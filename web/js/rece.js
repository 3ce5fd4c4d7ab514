/** The entry: registers the pack with the page. The other scripts only define things; loaded alone they do nothing. */

import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";
import { connectServer, fetchWords } from "./ask_server.js";
import { canCompare, compareBeforeAfter } from "./compare.js";
import { addConceptsPanel } from "./concepts_panel.js";
import { loadStyles } from "./elements.js";
import { askAndErase, canErase } from "./erase.js";
import { followKind, followSchedule } from "./paper.js";
import { SHOWING, addResultPanel, showFailure } from "./result_panel.js";
import { say, translate } from "./words.js";

const server = connectServer(api);

app.registerExtension({
  name: "rece.page",
  commands: [
    {
      id: "RECE.EraseConcept",
      label: "Erase a concept",
      icon: "pi pi-eraser",
      function: () => askAndErase(app),
    },
    {
      id: "RECE.CompareBeforeAfter",
      label: "Compare before and after",
      icon: "pi pi-images",
      function: () => compareBeforeAfter(app),
    },
  ],
  keybindings: [{ combo: { key: "x", ctrl: true, shift: true }, commandId: "RECE.EraseConcept" }],
  menuCommands: [{ path: ["Edit"], commands: ["RECE.EraseConcept", "RECE.CompareBeforeAfter"] }],

  async setup() {
    loadStyles();
    api.addEventListener("execution_error", ({ detail }) => showFailure(app, detail.node_id, detail.exception_message));
    api.addEventListener("execution_interrupted", ({ detail }) => showFailure(app, detail.node_id, ""));
    translate(await fetchWords(api, app.extensionManager.setting.get("Comfy.Locale")));
  },

  getNodeMenuItems(node) {
    return [
      ...(canErase(node) ? [{ content: say("eraseEntry"), callback: () => void askAndErase(app, node) }] : []),
      ...(canCompare(node) ? [{ content: say("compareEntry"), callback: () => compareBeforeAfter(app, node) }] : []),
    ];
  },

  nodeCreated(node) {
    const type = String(node.comfyClass);
    if (type === "ReceConcepts") {
      followKind(node, server);
      addConceptsPanel(node, server);
    }
    if (type === "ReceIterate") followSchedule(node, server);
    if (SHOWING.has(type)) addResultPanel(app, /** @type {Page.PageNode} */ (node));
  },
});
