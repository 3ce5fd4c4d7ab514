"""What the demo erases, keeps and asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle

from .captions import DESCRIPTIONS, SHAPE_NAMES
from .world import COLOURS, SHAPES


@dataclass(frozen=True)
class Plan:
    """What is erased onto what, what is kept, and how, in the words of RECE Concepts and RECE Iterate."""

    shape: str = "circle"
    anchor: str = "square"
    epochs: int = 3
    iteration: str = "cumulative"
    derivation_ridge: float = 0.1
    edit_ridge: float = 0.1
    targets: tuple[str, ...] = field(init=False)
    preserved: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        pairs = [
            f"{_name(colour, word)} => {_name(colour, self.anchor)}"
            for word in SHAPE_NAMES[self.shape]
            for colour in COLOURS
        ]
        object.__setattr__(self, "targets", tuple(pairs))
        object.__setattr__(self, "preserved", tuple(_name(*kept) for kept in _list_kept(self.shape)))

    def prompts(self) -> dict[str, list[str]]:
        """The prompts of each question, by its heading."""
        synonyms, descriptions = SHAPE_NAMES[self.shape][1:], DESCRIPTIONS["train"][self.shape]
        kept = list(_list_kept(self.shape))
        return {
            f"{self.shape} by name": [_name(colour, self.shape) for colour in COLOURS],
            f"{self.shape} by synonym": [_name(*each) for each in zip(COLOURS, cycle(synonyms))],
            f"{self.shape} by description": [_name(c, f"thing {d}") for c, d in zip(COLOURS, cycle(descriptions))],
            "kept shapes, preserved words": [_name(*each) for each in kept[::5]],
            "kept shapes, other words": [f"a picture of {_name(*each)}" for each in kept[2::5]],
        }


def _name(colour: str, thing: str) -> str:
    return f"{'an' if colour[0] in 'aeiou' else 'a'} {colour} {thing}"


def _list_kept(erased: str) -> Iterator[tuple[str, str]]:
    """Every colour with every other shape, neighbours differing in both, so that any stride of 5 has all of them."""
    others = [shape for shape in SHAPES if shape != erased]
    for step in range(len(others)):
        for index, colour in enumerate(COLOURS):
            yield colour, others[(index + step) % len(others)]
