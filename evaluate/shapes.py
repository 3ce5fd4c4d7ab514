"""The shapes model: what is erased from it, and what it is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np
import torch

from demo.captions import DESCRIPTIONS, FILL_NAMES, FILL_TAILS, SHAPE_NAMES, Split, write_caption
from demo.graphs import SHAPES as SAMPLING
from demo.judge import classify, load_judge
from demo.world import COLOURS, FILLS, SHAPES

from .world import Question, Seen, Task, World

LOOKALIKES = {"circle": ("ellipse", "ring"), "star": ("cross",), "heart": ("triangle",), "striped": ("dotted",)}
ANCHORS = {"circle": "square", "star": "triangle", "heart": "square", "striped": "plain"}
_PROMPTS = 16  # of each question
_PAIRS = 8  # of prompts with and without a concept
_PROBES = 24
_COLOURS = tuple(COLOURS)
_NEXT_COLOUR = dict(zip(_COLOURS, (*_COLOURS[1:], _COLOURS[0]), strict=True))


@dataclass(frozen=True)
class ShapesTask(Task):
    """Concepts to erase at once: shapes, or one fill as a style."""

    erased: tuple[str, ...]

    @property
    def name(self) -> str:
        """As the tables call it."""
        return " + ".join(self.erased)

    @property
    def targets(self) -> str:
        """For RECE Concepts: a line each, all its names onto one anchor."""
        return "\n".join(f"{', '.join(_names(each))} => {ANCHORS[each]}" for each in self.erased)

    @property
    def preserve(self) -> str:
        """For RECE Concepts: what a user would think of, two of everything that is kept."""
        return "\n".join(question.prompt for question in self._plain(self._kept(), 2 * len(self._kept())))

    def captions(self) -> str:
        """400 captions of the world as it is without the erased, for the prior, a line each."""
        rng = np.random.default_rng(7)
        texts = (self._write(rng, kept, "train") for kept in islice(cycle(self._kept()), 400))
        return "\n".join(dict.fromkeys(texts))

    def probes(self) -> str:
        """Texts to measure drift on, none of them asked or preserved, a line each."""
        rng = np.random.default_rng(9)
        return "\n".join(self._write(rng, kept, "train") for kept in islice(cycle(self._kept()), _PROBES))

    def questions(self) -> dict[str, list[Question]]:
        """By column of the table; the first four name or describe what was erased."""
        rng = np.random.default_rng(8)
        erased = list(islice(cycle(self.erased), _PROMPTS))
        others = [name for each in self.erased for name in _names(each)[1:]]
        similar = [name for each in self.erased for name in LOOKALIKES[each]]
        label = {name: each for each in self.erased for name in _names(each)}
        kept = list(islice(cycle(self._kept()), 2 * _PROMPTS))
        return {
            "by name": self._plain(erased, _PROMPTS),
            "by synonym": self._plain(others, _PROMPTS, label),
            "in other phrasings": [Question(self._write(rng, each, "held_out"), each) for each in erased],
            "by description": [Question(self._write(rng, each, "train", described=True), each) for each in erased],
            "kept, preserved words": self._plain(self._kept(), 2 * _PROMPTS),
            "kept, other phrasings": [Question(self._write(rng, each, "held_out"), each) for each in kept],
            "lookalikes": self._plain(similar, _PROMPTS),
        }

    def floor(self) -> list[Question]:
        """Prompts that have nothing to do with what was erased."""
        texts = ("a picture", "a drawing", "something", "art") * 2
        return [Question(text, each) for each in self.erased for text in texts]

    def pairs(self, erased: str, *, described: bool) -> tuple[str, str]:
        """Prompts with the concept, by name or as `described`, and the same with its anchor, a line each."""
        named = [question.prompt for question in self._plain([erased], _PAIRS)]
        without_concept = [text.replace(erased, ANCHORS[erased]) for text in named]
        with_concept = [self._describe(text, erased, index) for index, text in enumerate(named)] if described else named
        return "\n".join(with_concept), "\n".join(without_concept)

    def put_anchor(self, question: Question) -> str:
        """The prompt with the anchor's name."""
        return question.prompt.replace(question.label, ANCHORS[question.label])

    def elsewhere(self, question: Question) -> str:
        """The anchor's prompt for `question`, in another colour: what a direction is added to."""
        words = self.put_anchor(question).split()[1:]
        return _add_article(" ".join(_NEXT_COLOUR.get(word, word) for word in words))

    def _describe(self, prompt: str, erased: str, index: int) -> str:
        """`prompt` with a description in the place of the erased name."""
        if self._is_fill():
            tails = FILL_TAILS[erased]
            return f"{_add_article(prompt.split(f'{erased} ')[1])} {tails[index % len(tails)]}"
        descriptions = DESCRIPTIONS["train"][erased]
        return prompt.replace(erased, f"thing {descriptions[index % len(descriptions)]}")

    def _kept(self) -> list[str]:
        everything = FILLS if self._is_fill() else SHAPES
        return [each for each in everything if each not in self.erased]

    def _is_fill(self) -> bool:
        return self.erased[0] in FILLS

    def _plain(self, names: Iterable[str], count: int, labels: dict[str, str] | None = None) -> list[Question]:
        """The simplest prompt for each of `names` in turn, colours (and shapes, of a fill) in turn."""
        asked = []
        for index, name in enumerate(islice(cycle(names), count)):
            colour = _COLOURS[(index + index // 8) % len(_COLOURS)]
            words = f"{name} {colour} {SHAPES[index % len(SHAPES)]}" if self._is_fill() else f"{colour} {name}"
            asked.append(Question(_add_article(words), (labels or {}).get(name, name), colour))
        return asked

    def _write(self, rng: np.random.Generator, label: str, split: Split, described: bool = False) -> str:
        colour = str(rng.choice(_COLOURS))
        if self._is_fill():
            shape = str(rng.choice(SHAPES))
            if described:
                return self._describe(f"a {label} {colour} {shape}", label, int(rng.integers(8)))
            return write_caption(rng, shape=shape, colour=colour, fill=label, split=split).text
        return write_caption(rng, shape=label, colour=colour, split=split, described=described).text


def _add_article(words: str) -> str:
    return f"{'an' if words[0] in 'aeio' else 'a'} {words}"


def _names(label: str) -> tuple[str, ...]:
    return SHAPE_NAMES.get(label) or FILL_NAMES[label]


TASKS = (
    ShapesTask(("circle",)),
    ShapesTask(("circle", "star")),
    ShapesTask(("circle", "star", "heart")),
    ShapesTask(("striped",)),
)


def load_shapes() -> World:
    """The world of the shapes model, with its judge."""
    judge = load_judge()

    def look_at(pixels: np.ndarray) -> list[Seen]:
        verdicts = classify(judge, torch.from_numpy(pixels).float() / 255)
        return [Seen(frozenset({each.shape, each.fill}), each.colour) for each in verdicts]

    return World("shapes", SAMPLING, TASKS, look_at, "colour")
