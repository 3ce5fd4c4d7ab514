import assert from "node:assert/strict";
import { test } from "node:test";

import { GAP, enclose, findFree, overlap, placeBehind } from "../../web/js/layout.js";

/** @typedef {import("../../web/js/layout.js").Box} Box */

/** @type {Box} */
const SOURCE = [0, 0, 300, 100];
/** @type {[number, number][]} */
const SIZES = [
  [400, 300],
  [350, 800],
];

/** @type {(placing: import("../../web/js/layout.js").Placing, obstacles: Box[]) => Box[]} */
const settle = ({ places, shift, moved }, obstacles) => [
  SOURCE,
  ...places.map((place, index) => /** @type {Box} */ ([...place, ...SIZES[index]])),
  ...obstacles.map(([x, y, w, h], index) => /** @type {Box} */ ([x + (moved.has(index) ? shift : 0), y, w, h])),
];

/** @param {Box[]} boxes */
const count = (boxes) => boxes.flatMap((one, i) => boxes.slice(i + 1).filter((other) => overlap(one, other))).length;

test("alone, the row stands right behind its source", () => {
  const placing = placeBehind(SOURCE, SIZES, []);
  assert.deepEqual(placing.places, [
    [300 + GAP, 0],
    [700 + 2 * GAP, 0],
  ]);
  assert.equal(placing.shift, 0);
});

test("what is to the right moves on, together and no further than needed", () => {
  /** @type {Box[]} */
  const obstacles = [
    [350, 0, 200, 200],
    [700, 50, 200, 200],
    [-400, 0, 300, 100],
  ];
  const placing = placeBehind(SOURCE, SIZES, obstacles);
  assert.deepEqual([...placing.moved], [0, 1]);
  assert.equal(350 + placing.shift, placing.places[1][0] + SIZES[1][0] + GAP);
  assert.equal(count(settle(placing, obstacles)), 0);
});

test("nothing moves where there is room", () => {
  const placing = placeBehind(SOURCE, SIZES, [[350, 2000, 200, 200]]);
  assert.equal(placing.shift, 0);
});

test("what reaches into the row's place from the left stays, and the row goes below it", () => {
  /** @type {Box[]} */
  const obstacles = [[100, 150, 600, 300]];
  const placing = placeBehind(SOURCE, SIZES, obstacles);
  assert.equal(placing.shift, 0);
  assert.equal(count(settle(placing, obstacles)), 0);
});

test("whatever the graph, nothing overlaps that did not before", () => {
  let seed = 7;
  const draw = (/** @type {number} */ most) => (seed = (seed * 48271) % 2147483647) % most;
  for (let round = 0; round < 300; round++) {
    /** @type {Box[]} */
    const obstacles = [];
    for (let tries = 0; tries < 12; tries++) {
      /** @type {Box} */
      const box = [draw(2400) - 1200, draw(1600) - 800, 100 + draw(400), 50 + draw(500)];
      if (![SOURCE, ...obstacles].some((each) => overlap(box, each))) obstacles.push(box);
    }
    assert.equal(count(settle(placeBehind(SOURCE, SIZES, obstacles), obstacles)), 0, JSON.stringify(obstacles));
  }
});

test("a free place is looked for downwards", () => {
  assert.deepEqual(findFree([0, 0, 10, 10], []), [0, 0]);
  const [x, y] = findFree([0, 0, 10, 10], [[0, 0, 50, 50]]);
  assert.equal(x, 0);
  assert.ok(y >= 80);
});

test("the box around all", () => {
  const boxes = /** @type {Box[]} */ ([
    [0, 0, 10, 10],
    [20, -5, 10, 10],
  ]);
  assert.deepEqual(enclose(boxes), [0, -5, 30, 15]);
});
