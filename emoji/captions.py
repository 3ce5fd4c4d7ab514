"""What people say of the pictures: a name or keywords, in phrasings that may name style and background."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from .world import BACKGROUNDS, STYLES, Concept

Kind = Literal["label", "keyword", "keywords"]
KINDS: tuple[Kind, ...] = ("label", "keyword", "keywords")

#: {w} is the name or keywords, {p} the phrasing so far, {s} a name of the style, {b} the background's.
PHRASINGS = ("{w}", "a {w}", "a picture of {w}", "an emoji of {w}", "{w} icon", "a drawing of a {w}")
IN_STYLE = ("{p} in {s} style", "{p}, {s}", "{s} {p}", "{p} by {s}", "{p}, {s} style")
ON_BACKGROUND = ("{p} on a {b} background", "{p}, {b} background", "{p} on {b}")
#: Phrasings that no training ever sees; `tests/emoji` sees to it that the lists stay apart.
UNSEEN_PHRASINGS = ("here you can see a {w}", "{w}, simple image", "one {w} please", "a poster that shows a {w}")


@dataclass(frozen=True)
class Caption:
    """A text, by what it names the concept, whether it names the style, and its background: white if it names none."""

    text: str
    kind: Kind
    style_named: bool
    background: str


def name_concept(concept: Concept, kind: Kind, rng: random.Random) -> str:
    """The concept's name, one of its keywords, or two of them."""
    if kind == "label":
        return concept.label.lower()
    if kind == "keyword":
        return rng.choice(concept.tags).lower()
    return " ".join(rng.sample(concept.tags, min(2, len(concept.tags)))).lower()


def write_caption(
    concept: Concept,
    rng: random.Random,
    *,
    kind: Kind = "label",
    style: str | None = None,
    background: str | None = None,
    unseen: bool = False,
) -> Caption:
    """A caption in random words that names the given; `unseen`: in a phrasing that training never sees."""
    text = rng.choice(UNSEEN_PHRASINGS if unseen else PHRASINGS).format(w=name_concept(concept, kind, rng))
    if style is not None:
        text = rng.choice(IN_STYLE).format(p=text, s=rng.choice(STYLES[style]))
    if background is not None:
        text = rng.choice(ON_BACKGROUND).format(p=text, b=background)
    return Caption(text, kind, style is not None, background or "white")


def draw_caption(concept: Concept, style: str, rng: random.Random) -> Caption:
    """A caption as training sees them, of a concept in a style: half of them by name, two thirds with the style."""
    chance = rng.random()
    kind: Kind = "label" if chance < 0.5 else "keyword" if chance < 0.85 else "keywords"
    return write_caption(
        concept,
        rng,
        kind=kind,
        style=style if rng.random() < 0.65 else None,
        background=rng.choice(list(BACKGROUNDS)) if rng.random() < 0.45 else None,
    )
