/** The panel of RECE Concepts and RECE Erase: what each line means, its tokens, mistakes in words, and texts worth preserving. */

import { askPatiently } from "./ask_server.js";
import { make, makeButton } from "./elements.js";
import { CHECK_CONCEPTS, isChosen } from "./settings.js";
import { addPanel, findWidget, readText, setWidget, watchLoading, watchWidgets } from "./widgets.js";
import { say } from "./words.js";

/** What is read, and what counts where a node has no such input: RECE Erase has the first three. */
const READ = { kind: "", targets: "", default_anchor: "", preserve: "", phrasings: "by kind" };
const WATCHED = Object.keys(READ);
const MOST_ROWS = 40;

/**
 * @param {Page.Node} node a RECE Concepts or RECE Erase
 * @param {import("./ask_server.js").Server} server
 */
export function addConceptsPanel(node, server) {
  const content = make("div", { class: "rece-content" });
  const panel = make("div", { class: "rece-panel", role: "group", "aria-label": say("conceptsLabel") }, content);
  const read = askPatiently(server.readConcepts, (reading, { kind }) => {
    content.replaceChildren(...(reading ? listParts(node, kind, reading) : []));
  });
  const show = () => {
    if (!isChosen(CHECK_CONCEPTS)) return;
    read(Object.fromEntries(Object.entries(READ).map(([name, without]) => [name, readText(node, name) || without])));
  };
  addPanel(node, panel, CHECK_CONCEPTS, show);
  watchWidgets(node, WATCHED, show);
  watchLoading(node, show);
}

/**
 * @param {Page.Node} node
 * @param {string} kind
 * @param {import("./ask_server.js").Reading} reading
 */
function listParts(node, kind, reading) {
  return [
    // RECE Erase takes neither epochs nor ridge from the paper.
    ...(node.comfyClass === "ReceErase" && reading.preset.from_paper ? [] : [describePreset(kind, reading)]),
    ...listRows(reading),
    ...listProblems(reading),
    ...listQuestions(node, reading.questions),
    ...listSuggestions(node, reading.suggestions),
  ];
}

/**
 * @param {string} kind
 * @param {import("./ask_server.js").Reading} reading
 */
function describePreset(kind, { preset, preserve }) {
  const { epochs, derivation_ridge, anchor, from_paper } = preset;
  if (!from_paper) {
    return make("p", { class: "rece-hint" }, say("kept", { texts: preserve.map(quote).join(", ") }));
  }
  const values = { kind, epochs: countEpochs(epochs), ridge: derivation_ridge, anchor: quote(anchor) };
  return make("p", { class: "rece-hint" }, say("paperSays", values));
}

/** @param {import("./ask_server.js").Reading} reading */
function listRows({ concepts, problems }) {
  if (concepts.length === 0) return [];
  const wrong = new Set(problems.map(({ line, text }) => `${line} ${text}`));
  const rows = concepts.slice(0, MOST_ROWS).map(({ line, names, anchors }) => {
    const shown = names.map(({ text, tokens }) => {
      const look = wrong.has(`${line} ${text}`) ? "rece-name rece-wrong" : "rece-name";
      return make("span", { class: look }, text, make("small", {}, countTokens(tokens)));
    });
    const onto = anchors.map(({ text }) => quote(text)).join(", ") || say("relative");
    return make("li", {}, ...shown, make("span", { class: "rece-anchor" }, `→ ${onto}`));
  });
  const more = concepts.length - MOST_ROWS;
  if (more > 0) rows.push(make("li", {}, say("andMore", { target: "…", count: more })));
  const own = concepts[0].line === 0 ? [make("p", { class: "rece-hint" }, say("ownTargets"))] : [];
  return [...own, make("ul", { class: "rece-rows" }, ...rows)];
}

/** @param {import("./ask_server.js").Reading} reading */
function listProblems({ problems, limit }) {
  const told = problems.map(({ code, line, text, count }) => {
    const problem = say(code, { text, count, limit });
    return make("li", {}, line > 0 ? say("line", { line, problem }) : problem);
  });
  return told.length > 0 ? [make("ul", { class: "rece-problems", role: "status" }, ...told)] : [];
}

/**
 * @param {Page.Node} node
 * @param {import("./ask_server.js").Question[]} questions
 */
function listQuestions(node, questions) {
  const asked = questions.map(({ code, line, text, instead }) => {
    const question = say(code, { text, instead });
    const told = line > 0 ? say("line", { line, problem: question }) : question;
    if (!instead) return make("li", {}, told);
    const change = () => replaceTyped(node, line, text, instead);
    return make("li", {}, `${told} `, makeButton(instead, change, { class: "rece-chip", title: say("writeInstead") }));
  });
  return asked.length > 0 ? [make("ul", { class: "rece-questions", role: "note" }, ...asked)] : [];
}

/**
 * Write something else where a text was typed: in its line of the targets, or else in the anchor for all.
 * @param {Page.Node} node
 * @param {number} line
 * @param {string} text
 * @param {string} instead
 */
function replaceTyped(node, line, text, instead) {
  const lines = readText(node, "targets").split("\n");
  const changed = replaceFirst(lines[line - 1] ?? "", text, instead);
  if (changed === null) {
    const anchor = replaceFirst(readText(node, "default_anchor"), text, instead);
    if (anchor !== null) setWidget(node, "default_anchor", anchor);
    return;
  }
  lines[line - 1] = changed;
  setWidget(node, "targets", lines.join("\n"));
}

/**
 * @param {string} typed
 * @param {string} text found whatever its case
 * @param {string} instead
 * @returns {string | null} null where it does not hold the text
 */
function replaceFirst(typed, text, instead) {
  const place = typed.toLowerCase().indexOf(text.toLowerCase());
  return place < 0 ? null : typed.slice(0, place) + instead + typed.slice(place + text.length);
}

/**
 * @param {Page.Node} node
 * @param {string[]} texts
 */
function listSuggestions(node, texts) {
  if (texts.length === 0 || !findWidget(node, "preserve")) return [];
  const buttons = texts.map((text) => {
    const add = () => {
      button.remove(); // before the server has answered it could be pressed twice
      setWidget(node, "preserve", [readText(node, "preserve").trimEnd(), text].filter(Boolean).join("\n"));
    };
    const button = makeButton(`+ ${text}`, add, { class: "rece-chip", title: say("suggestOne", { text }) });
    return button;
  });
  return [make("div", { class: "rece-chips" }, make("span", {}, say("suggest")), ...buttons)];
}

/** @type {(count: number) => string} */
const countTokens = (count) => (count === 1 ? say("tokenOne") : say("tokenMany", { count }));

/** @type {(count: number) => string} */
const countEpochs = (count) => (count === 1 ? say("epochOne") : say("epochMany", { count }));

/** @type {(text: string) => string} */
const quote = (text) => (text.trim() ? say("quoted", { text }) : say("space"));
