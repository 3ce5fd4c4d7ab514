/** What a kind of concept brings along: the paper's choices, which the server knows. */

/**
 * @typedef {object} Preset the paper's choices for a kind, see rece_core/texts/presets.py
 * @property {string} anchor
 * @property {number} epochs
 * @property {number} derivation_ridge
 * @property {boolean} from_paper else it is a kind of our own
 *
 * @typedef {Record<string, Preset>} Presets
 */

/**
 * Whether a widget still holds what was filled in, so that filling in something else overrides nobody's choice.
 * @param {unknown} value as it stands
 * @param {unknown[]} filled what the page or the node itself may have put there
 */
export function isUntouched(value, filled) {
  return filled.some((each) => each === value);
}
