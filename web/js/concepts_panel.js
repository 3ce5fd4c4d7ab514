/** The panel of RECE Concepts: what each line means, its tokens, mistakes in words, and texts worth preserving. */

import { findTooLong, listTexts, readConcepts } from "./concepts.js";
import { make, makeButton } from "./elements.js";
import { suggestPreserved } from "./kinds.js";
import { CHECK_CONCEPTS, isChosen } from "./settings.js";
import { addPanel, readText, setWidget, watchLoading, watchWidgets } from "./widgets.js";
import { say } from "./words.js";

const BY_KIND = "by kind";
const AS_TYPED = ["{}"];
const WATCHED = ["kind", "targets", "default_anchor", "preserve", "phrasings"];
const MOST_ROWS = 40;

/**
 * @param {Page.App} app
 * @param {Page.Node} node a RECE Concepts
 * @param {import("./ask_server.js").Server} server
 */
export function addConceptsPanel(app, node, server) {
  const content = make("div", { class: "rece-content" });
  const panel = make("div", { class: "rece-panel", role: "group", "aria-label": say("conceptsLabel") }, content);
  const show = () => {
    if (!isChosen(CHECK_CONCEPTS)) return;
    const { kind, preset, reading, phrasings } = readNode(node, server.presets());
    const texts = listTexts(reading, phrasings);
    const counts = Object.fromEntries(texts.flatMap((text) => pairUp(text, server.tokens(text))));
    const problems = [...reading.problems, ...findTooLong(reading, phrasings, counts, server.limit())];
    content.replaceChildren(
      ...(preset ? [describePreset(kind, preset)] : []),
      ...listRows(reading, problems, server),
      ...listProblems(problems, server.limit()),
      ...listSuggestions(node, suggestPreserved(kind, reading)),
    );
    server.count(texts, show);
  };
  addPanel(app, node, panel, CHECK_CONCEPTS, show);
  watchWidgets(node, WATCHED, show);
  watchLoading(node, show);
  server.arrived.then(show);
}

/**
 * @param {Page.Node} node
 * @param {import("./kinds.js").Presets} presets
 */
function readNode(node, presets) {
  const kind = readText(node, "kind");
  const preset = presets[kind];
  const phrasings = preset && readText(node, "phrasings") === BY_KIND ? preset.phrasings : AS_TYPED;
  const reading = readConcepts({
    targets: readText(node, "targets"),
    defaultAnchor: readText(node, "default_anchor") || (preset?.anchor ?? ""),
    preserve: readText(node, "preserve"),
    phrasings,
    usualTargets: preset?.targets ?? [],
  });
  return { kind, preset, reading, phrasings };
}

/**
 * @param {string} kind
 * @param {import("./kinds.js").Preset} preset
 */
function describePreset(kind, { epochs, derivation_ridge, anchor }) {
  const values = { kind, epochs: countEpochs(epochs), ridge: derivation_ridge, anchor: quote(anchor) };
  return make("p", { class: "rece-hint" }, say("paperSays", values));
}

/**
 * @param {import("./concepts.js").Reading} reading
 * @param {import("./concepts.js").Problem[]} problems
 * @param {import("./ask_server.js").Server} server
 */
function listRows({ concepts }, problems, server) {
  if (concepts.length === 0) return [];
  const wrong = new Set(problems.map(({ line, text }) => `${line} ${text}`));
  const rows = concepts.slice(0, MOST_ROWS).map(({ line, names, anchors }) => {
    const shown = names.map((name) => {
      const bad = wrong.has(`${line} ${name}`);
      return make(
        "span",
        { class: bad ? "rece-name rece-wrong" : "rece-name" },
        name,
        countTokens(server.tokens(name)),
      );
    });
    return make("li", {}, ...shown, make("span", { class: "rece-anchor" }, `→ ${anchors.map(quote).join(", ")}`));
  });
  const more = concepts.length - MOST_ROWS;
  if (more > 0) rows.push(make("li", {}, say("andMore", { target: "…", count: more })));
  const own = concepts[0].line === 0 ? [make("p", { class: "rece-hint" }, say("ownTargets"))] : [];
  return [...own, make("ul", { class: "rece-rows" }, ...rows)];
}

/**
 * @param {import("./concepts.js").Problem[]} problems
 * @param {number} limit
 */
function listProblems(problems, limit) {
  const told = problems.map(({ code, line, text, count }) => {
    const problem = say(code, { text: text ?? "", count: count ?? 0, limit });
    return make("li", {}, line > 0 ? say("line", { line, problem }) : problem);
  });
  return told.length > 0 ? [make("ul", { class: "rece-problems", role: "status" }, ...told)] : [];
}

/**
 * @param {Page.Node} node
 * @param {string[]} texts
 */
function listSuggestions(node, texts) {
  if (texts.length === 0) return [];
  const buttons = texts.map((text) => {
    const add = () =>
      setWidget(node, "preserve", [readText(node, "preserve").trimEnd(), text].filter(Boolean).join("\n"));
    return makeButton(`+ ${text}`, add, { class: "rece-chip", title: say("suggestOne", { text }) });
  });
  return [make("div", { class: "rece-chips" }, make("span", {}, say("suggest")), ...buttons)];
}

/** @param {number | undefined} count */
function countTokens(count) {
  if (count === undefined) return "";
  return make("small", {}, count === 1 ? say("tokenOne") : say("tokenMany", { count }));
}

/** @type {(count: number) => string} */
const countEpochs = (count) => (count === 1 ? say("epochOne") : say("epochMany", { count }));

/** @type {(text: string) => string} */
const quote = (text) => (text.trim() ? say("quoted", { text }) : say("space"));

/** @type {(text: string, count: number | undefined) => [string, number][]} */
const pairUp = (text, count) => (count === undefined ? [] : [[text, count]]);
