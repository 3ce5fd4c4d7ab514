/** All that the scripts say, in English; `locales/<language>/main.json` has other languages under `rece`. */

const ENGLISH = {
  eraseEntry: "Erase a concept",
  compareEntry: "Compare before and after",
  unfoldEntry: "Unfold into RECE Concepts and RECE Iterate",
  askTitle: "What shall the model forget?",
  askMessage: "such as: van gogh => art",
  noSource: "Select the node that loads your model: one that outputs MODEL and CLIP.",
  noBranch:
    "Nothing is drawn with an erased model here. Connect the node that erases to a sampler and decode its picture first.",
  noErase: "Select the RECE Erase to unfold.",
  linkedSlider:
    "The slider of this RECE Erase is connected. Disconnect it first: carefulness is what its value leaves to 1.",
  missingNodes: "This ComfyUI has no node {type}. Reload the page, or see the server's log.",
  seedTitle: "Seed for both",
  before: "Before: {title}",

  noTarget: "Nothing to forget yet. Write a target a line, such as: van gogh => art",
  noName: "No target before the arrow.",
  anchorIsTarget: "'{text}' is its own anchor, so nothing would be erased.",
  twice: "'{text}' is listed twice.",
  preservedToo: "'{text}' is also in the list to preserve.",
  tooLong: "'{text}' takes {count} tokens with its phrasing; at most {limit} are read.",
  meantArrow: "'{text}' is read as one name. Did you mean this?",
  meantCommas: "'{text}' is read as one name. Did you mean these?",
  closeWord: "'{text}' is no word that is known here. Did you mean this?",
  inLetters: "The text encoder hardly knows '{text}' as a word. Describe it in words that it knows.",
  blankAnchor:
    "'{text}' shall act like nothing in particular. Then anything may be drawn, itself included: write what to draw instead.",
  vagueAnchor: "'{text}' says nothing in particular, so anything may be drawn. Name something that can be seen.",
  oneName:
    "'{text}' is the only name; by other names it may still be drawn. Write them in the same line, with commas between them.",
  writeInstead: "Write this instead",
  line: "Line {line}: {problem}",
  space: "(nothing in particular)",
  tokenOne: "1 token",
  tokenMany: "{count} tokens",
  conceptsLabel: "What will be erased",
  relative: "something close, chosen when it runs",
  paperSays: "The paper's choice for '{kind}': {epochs}, derivation ridge {ridge}, anchor {anchor}.",
  ownTargets: "No target is written, so the kind's own are used.",
  kept: "Preserved: {texts}.",
  epochOne: "1 epoch",
  epochMany: "{count} epochs",
  suggest: "Preserve too:",
  suggestOne: "Add '{text}' to the list to preserve",

  noResult: "What comes out of a run is shown here.",
  resultLabel: "Result of the erasure",
  attackLabel: "Result of the attack",
  forgotten: "forgotten",
  recoverable: "recoverable",
  drift: "drift",
  norm: "norm",
  firstEdit: "first edit",
  lastEpoch: "epoch {epoch}",
  actsLike: "'{target}' now acts like {anchor}; others moved by {drift}.",
  actsLikeBlank:
    "'{target}' no longer says anything in particular, so anything may be drawn for it, itself included; others moved by {drift}. Say what to draw instead.",
  actsPartly: "'{target}' acts like {anchor} by {forgotten} only; others moved by {drift}.",
  notErased: "'{target}' is not forgotten: it acts as before.",
  andMore: "{target} and {count} more",
  quoted: "'{text}'",
  pooled: "Pooled embedding",
  otherStream: "{stream}: forgotten {forgotten}, recoverable {recoverable}, drift {drift}.",
  broughtBack: "This attack brings back {recoverable} of '{target}', at {norm} the usual norm.",
  nothingBack: "This attack brings nothing of '{target}' back.",
  curveLabel: "Forgotten, recoverable and drift after the first edit and each epoch",
  unknown: "unknown",
  none: "none",
  copy: "Copy as text",
  copied: "Copied",
  failed: "Stopped: {reason}",
  cancelled: "Cancelled. Nothing was changed.",

  showResults: "Show results in nodes",
  showResultsHint: "What came out of a run, below the inputs of the nodes that erase, load and attack.",
  checkConcepts: "Check concepts while typing",
  checkConceptsHint: "Mistakes, numbers of tokens and suggestions, below the inputs of RECE Concepts and RECE Erase.",
};

/** @typedef {keyof typeof ENGLISH} Word */

/** @type {Partial<Record<string, string>>} */
let translated = {};

/**
 * Say everything in another language from now on; what it lacks stays English.
 * @param {Partial<Record<string, string>>} words
 */
export function translate(words) {
  translated = words;
}

/**
 * @param {Word} word
 * @param {Record<string, string | number>} [values] what stands for {names}
 */
export function say(word, values = {}) {
  return (translated[word] ?? ENGLISH[word]).replace(/\{(\w+)\}/g, (all, name) => String(values[name] ?? all));
}

/** The English words, for those who translate them. */
export const WORDS = Object.freeze(ENGLISH);
