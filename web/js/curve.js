/** The small curve over epochs, as numbers: where its lines run. Colours and shapes are those of RECE Report. */

/**
 * @typedef {object} Epoch the measures after an edit; null where there is none
 * @property {number} epoch 0 is the first edit
 * @property {number | null} forgotten
 * @property {number | null} recoverable
 * @property {number | null} drift
 *
 * @typedef {object} Line
 * @property {"forgotten" | "recoverable" | "drift"} name
 * @property {[x: number, y: number][]} points in 0 … width and 0 … height, y downwards
 */

const NAMES = /** @type {const} */ (["forgotten", "recoverable", "drift"]);

/**
 * @param {Epoch[]} epochs in order
 * @param {number} width
 * @param {number} height
 * @returns {Line[]} the scale is 0 % at the bottom to 100 % at the top; what lies outside is drawn at the edge
 */
export function drawCurve(epochs, width, height) {
  const last = Math.max(1, ...epochs.map(({ epoch }) => epoch));
  return NAMES.map((name) => ({
    name,
    points: epochs.flatMap((each) => {
      const value = each[name];
      if (value === null) return [];
      return [/** @type {[number, number]} */ ([(each.epoch / last) * width, (1 - clamp(value)) * height])];
    }),
  }));
}

/**
 * The points as an SVG path.
 * @param {[x: number, y: number][]} points
 */
export function toPath(points) {
  return points.map(([x, y], index) => `${index === 0 ? "M" : "L"}${round(x)} ${round(y)}`).join(" ");
}

/** @type {(value: number) => number} */
const clamp = (value) => Math.min(1, Math.max(0, value));

/** @type {(value: number) => number} */
const round = (value) => Math.round(value * 10) / 10;
