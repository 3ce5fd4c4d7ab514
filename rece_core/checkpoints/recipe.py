"""What is erased from a checkpoint and how: the same for one file of the command `erase` and for a library of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from ..erasing.pipeline import Plan, plan_erasure
from ..erasing.schedule import Goals
from ..erasing.settings import EraseSettings
from ..models.text_model import CondInputs
from ..texts.anchors import Describe, describe_words
from ..texts.concepts import Concepts
from .checkpoint import Checkpoint
from .copies import ALIKE


@dataclass(frozen=True)
class Recipe:
    """Concepts and settings. See `plan_erasure`; copies: what becomes of copies of weights, see `write_erased`."""

    concepts: Concepts
    settings: EraseSettings
    goals: Goals | None
    auto_ridges: bool
    probes: tuple[str, ...]
    pooled: bool = True
    copies: str = ALIKE


class Texts(Protocol):
    """The text encoders of a checkpoint, which are told beforehand what they will be asked for."""

    def expect(self, texts: Sequence[str]) -> None: ...

    def __call__(self, text: str) -> CondInputs: ...


def plan_recipe(
    checkpoint: Checkpoint, texts: Texts, recipe: Recipe, describe: Callable[..., Tensor] = describe_words
) -> Plan:
    """How `recipe` is erased from `checkpoint`, whose `texts` then expect what it needs; see `plan_erasure`.

    describe: makes what anchors are chosen from, see `describe_words`.
    """

    def make_words(find: Describe, words: Sequence[str]) -> Tensor:
        texts.expect(words)
        return describe(find, words)

    plan = plan_erasure(
        checkpoint.model,
        texts,
        recipe.concepts,
        recipe.settings,
        auto_ridges=recipe.auto_ridges,
        probes=recipe.probes,
        goals=recipe.goals,
        pooled=recipe.pooled,
        make_words=make_words,
    )
    texts.expect([*plan.texts.words, *plan.captions])
    return plan
