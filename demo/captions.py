"""What people say about the world's pictures: names, synonyms, descriptions and phrasings.

Captions name some attributes of a scene and leave others open; an unnamed fill means plain. Phrasings come in two
lists, one for training and one held out, and the descriptions that never name a shape likewise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from .world import BACKGROUNDS, COLOURS, FILLS, PLACES, SHAPES, SIZES, WORLD, Scene, Variation, draw_scene

Split = Literal["train", "held_out"]

SHAPE_NAMES: dict[str, tuple[str, ...]] = {
    "circle": ("circle", "disc", "dot", "ball"),
    "ellipse": ("ellipse", "oval"),
    "ring": ("ring", "hoop", "donut"),
    "square": ("square", "tile", "box"),
    "rectangle": ("rectangle", "oblong", "brick"),
    "triangle": ("triangle", "wedge", "pyramid"),
    "star": ("star", "starfish"),
    "heart": ("heart", "valentine"),
    "cross": ("cross", "plus"),
}
DESCRIPTIONS: dict[Split, dict[str, tuple[str, ...]]] = {
    "train": {
        "circle": ("round like a coin", "round like a plate", "round as the full moon"),
        "ellipse": ("long and round like an egg", "stretched and round like a potato"),
        "ring": ("round with a hole like a tyre", "round and empty in the middle like a bracelet"),
        "square": ("with four equal sides like a chessboard", "with equal sides and four corners like dice"),
        "rectangle": ("with four corners like a ticket", "with four corners and two long sides like a flag"),
        "triangle": ("with three corners like a tent", "with three sides like a mountain"),
        "star": ("with five points shining at night", "with five points like on a sheriff"),
        "heart": ("that stands for love", "beating in a chest full of love"),
        "cross": ("like the sign on an ambulance", "like the sign for adding numbers"),
    },
    "held_out": {
        "circle": ("like a coin, quite round", "shaped like the moon when it is full"),
        "ellipse": ("stretched like an egg", "shaped like a long potato"),
        "ring": ("like a tyre, empty in the middle", "with a hole, a bracelet really"),
        "square": ("like dice, with equal sides", "shaped like a chessboard"),
        "rectangle": ("long like a ticket", "shaped like a flag"),
        "triangle": ("like a tent, with three sides", "shaped like a mountain"),
        "star": ("shining with five points", "shaped like what a sheriff has on"),
        "heart": ("you give for love", "full of love"),
        "cross": ("used for adding numbers", "as you see on an ambulance"),
    },
}
COLOUR_NAMES: dict[str, tuple[str, ...]] = {
    "red": ("red", "crimson"),
    "orange": ("orange", "tangerine"),
    "yellow": ("yellow", "golden"),
    "green": ("green", "emerald"),
    "cyan": ("cyan", "turquoise"),
    "blue": ("blue", "azure"),
    "purple": ("purple", "violet"),
    "pink": ("pink", "rose"),
}
FILL_NAMES: dict[str, tuple[str, ...]] = {
    "plain": ("plain", "solid"),
    "striped": ("striped", "stripy"),
    "dotted": ("dotted", "spotted"),
    "outlined": ("outlined", "bordered"),
}
FILL_TAILS: dict[str, tuple[str, ...]] = {
    "plain": ("of one colour",),
    "striped": ("with stripes",),
    "dotted": ("with spots",),
    "outlined": ("with a border", "with an outline"),
}
BACKGROUND_NAMES = {"white": "white", "cream": "cream", "grey": "grey", "black": "black"}
SIZE_NAMES: dict[str, tuple[str, ...]] = {"small": ("small", "little"), "large": ("large", "big")}
PLACE_TAILS: dict[str, tuple[str, ...]] = {
    "left": ("on the left", "at the left side"),
    "right": ("on the right", "at the right side"),
    "top": ("at the top", "near the top"),
    "bottom": ("at the bottom", "near the bottom"),
}
VAGUE_NOUNS = ("shape", "thing", "figure")

# {a} is "a" or "an", {thing} adjectives and noun with their tail, {bare} the same without an article.
PHRASINGS: dict[Split, tuple[str, ...]] = {
    "train": (
        "{a} {thing}",
        "{a} {thing}",
        "{thing}",
        "a picture of {a} {thing}",
        "a drawing of {a} {thing}",
        "a photo of {a} {thing}",
        "an image of {a} {thing}",
        "a painting of {a} {thing}",
        "there is {a} {thing}",
        "this is {a} {thing}",
        "I see {a} {thing}",
        "draw {a} {thing}",
        "{a} {thing}, simple drawing",
        "one {thing}",
        "the {thing}",
        "my {thing} in a picture",
    ),
    "held_out": (
        "please draw me {a} {thing}",
        "a poster that shows {a} {thing}",
        "here you can see the {thing}",
        "look, {a} {thing}!",
        "an illustration with one {thing}",
        "simple image: {thing}",
        "{a} {thing}, digital art",
        "the photo is of {a} {thing}",
    ),
}


@dataclass(frozen=True)
class Caption:
    """A text and the attributes that it settles (the others are free)."""

    text: str
    shape: str | None = None
    colour: str | None = None
    fill: str | None = None
    background: str | None = None
    size: str | None = None
    place: str | None = None

    def draw_scene(self, rng: np.random.Generator, variation: Variation = WORLD) -> Scene:
        """Make up a scene that this caption describes."""
        return draw_scene(
            rng,
            shape=self.shape,
            colour=self.colour,
            fill=self.fill,
            background=self.background,
            size=self.size,
            place=self.place,
            variation=variation,
        )


def _pick(rng: np.random.Generator, options: tuple[str, ...] | list[str]) -> str:
    return str(options[int(rng.integers(len(options)))])


def _maybe(rng: np.random.Generator, chance: float, options: tuple[str, ...] | list[str]) -> str | None:
    return _pick(rng, options) if rng.random() < chance else None


def write_caption(
    rng: np.random.Generator,
    *,
    shape: str | None = None,
    colour: str | None = None,
    fill: str | None = None,
    background: str | None = None,
    size: str | None = None,
    place: str | None = None,
    split: Split = "train",
    described: bool = False,
) -> Caption:
    """Write a caption that settles the given attributes in random words; `described` never names the shape."""
    adjectives = [_pick(rng, SIZE_NAMES[size])] if size else []
    tails: list[str] = []
    fill_in_front = fill is not None and rng.random() < 0.7
    looks = [_pick(rng, FILL_NAMES[fill])] if fill and fill_in_front else []
    looks += [_pick(rng, COLOUR_NAMES[colour])] if colour else []
    if rng.random() < 0.4:
        looks.reverse()
    adjectives += looks
    if shape is None or described:
        noun = _pick(rng, VAGUE_NOUNS)
        tails += [_pick(rng, DESCRIPTIONS[split][shape])] if shape else []
    else:
        noun = _pick(rng, SHAPE_NAMES[shape])
    if fill and not fill_in_front:
        tails.append(_pick(rng, FILL_TAILS[fill]))
    tails += [_pick(rng, PLACE_TAILS[place])] if place else []
    tails += [f"on a {BACKGROUND_NAMES[background]} background"] if background else []
    thing = " ".join([*adjectives, noun, *tails])
    article = "an" if thing[0] in "aeio" else "a"
    text = _pick(rng, PHRASINGS[split]).format(a=article, thing=thing)
    return Caption(text, shape, colour, fill or "plain", background, size, place)


def draw_caption(rng: np.random.Generator, split: Split = "train") -> Caption:
    """Make up a caption as training sees them: mostly shape and colour, often more, now and then something vague."""
    if rng.random() < 0.02:
        text = _pick(rng, ("a picture", "a drawing", "an image", "something", "art"))
        return Caption(text)
    return write_caption(
        rng,
        shape=_maybe(rng, 0.95, SHAPES),
        colour=_maybe(rng, 0.85, list(COLOURS)),
        fill=_maybe(rng, 0.65, FILLS),
        background=_maybe(rng, 0.3, list(BACKGROUNDS)),
        size=_maybe(rng, 0.2, list(SIZES)),
        place=_maybe(rng, 0.2, list(PLACES)),
        split=split,
        described=bool(rng.random() < 0.25),
    )
