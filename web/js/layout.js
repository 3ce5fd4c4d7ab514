/** Where new nodes go on the canvas, and what makes room for them. */

export const TITLE = 30; // height of a node's title bar, which lies above its box
export const GAP = 60;

/**
 * @typedef {[x: number, y: number, width: number, height: number]} Box in the canvas's pixels, without the title bar
 *
 * @typedef {object} Placing
 * @property {[x: number, y: number][]} places of the new nodes, in a row, their tops in line
 * @property {number} shift how far all that lies right of the source moves to the right
 * @property {Set<number>} moved which of the obstacles do
 */

/**
 * A row of new nodes right behind a source. What is right of the source moves on, together, as far as needed and not at
 * all where there is room; what reaches from the left into the row's place stays, and the row goes below it.
 * @param {Box} source
 * @param {[width: number, height: number][]} sizes of the new nodes
 * @param {Box[]} obstacles all other nodes
 * @returns {Placing}
 */
export function placeBehind(source, sizes, obstacles) {
  const edge = source[0] + source[2];
  const moved = new Set(obstacles.flatMap((box, index) => (box[0] >= edge ? [index] : [])));
  const width = sizes.reduce((sum, size) => sum + size[0] + GAP, -GAP);
  const height = Math.max(...sizes.map((size) => size[1]));
  const staying = obstacles.filter((_, index) => !moved.has(index));
  const [left, top] = findFree([edge + GAP, source[1], width, height], staying);
  const next = Math.min(...[...moved].map((index) => obstacles[index][0]));
  const row = /** @type {Box} */ ([left, top, width, height]);
  const blocked = [...moved].some((index) => overlap(grow(row), obstacles[index]));
  /** @type {[number, number][]} */
  const places = [];
  let x = left;
  for (const size of sizes) {
    places.push([x, top]);
    x += size[0] + GAP;
  }
  return { places, shift: blocked ? Math.max(0, left + width + GAP - next) : 0, moved };
}

/**
 * The first place at or below where a box stands at which it touches none of the obstacles.
 * @param {Box} box
 * @param {Box[]} obstacles
 * @returns {[x: number, y: number]}
 */
export function findFree([x, y, width, height], obstacles) {
  let top = y;
  for (;;) {
    const box = grow([x, top, width, height]);
    const hit = obstacles.filter((each) => overlap(box, each));
    if (hit.length === 0) return [x, top];
    top = Math.max(...hit.map((each) => each[1] + each[3])) + TITLE + GAP / 2;
  }
}

/**
 * The smallest box around all of some.
 * @param {Box[]} boxes at least one
 * @returns {Box}
 */
export function enclose(boxes) {
  const left = Math.min(...boxes.map((box) => box[0]));
  const top = Math.min(...boxes.map((box) => box[1]));
  const right = Math.max(...boxes.map((box) => box[0] + box[2]));
  const bottom = Math.max(...boxes.map((box) => box[1] + box[3]));
  return [left, top, right - left, bottom - top];
}

/**
 * Whether two nodes touch, their title bars included.
 * @param {Box} one
 * @param {Box} other
 */
export function overlap(one, other) {
  return (
    one[0] < other[0] + other[2] &&
    other[0] < one[0] + one[2] &&
    one[1] - TITLE < other[1] + other[3] &&
    other[1] - TITLE < one[1] + one[3]
  );
}

/** A little air on the sides. @type {(box: Box) => Box} */
const grow = ([x, y, width, height]) => [x - GAP / 4, y - GAP / 4, width + GAP / 2, height + GAP / 2];
