"""What an evaluation needs of a world: tasks, prompts with what their pictures should show, and a judge."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from demo.graphs import Sampling


@dataclass(frozen=True)
class Seen:
    """What the judge sees in a picture: all that it shows, its colour or style, and whether it is clearly something.

    clear: None where the judge can't tell.
    """

    labels: frozenset[str]
    look: str
    clear: bool | None = None


@dataclass(frozen=True)
class Question:
    """A prompt and what its picture should show; `look`: the colour or style that it names, if any."""

    prompt: str
    label: str
    look: str = ""

    def is_shown(self, seen: Seen) -> bool:
        """Whether the judge saw it."""
        return self.label in seen.labels


class Task(ABC):
    """Concepts to erase at once, and what the model is asked before and after.

    erased: their names. erases_look: whether what is erased is what `Question.look` is.
    """

    erased: tuple[str, ...]
    erases_look: ClassVar[bool] = False

    @property
    @abstractmethod
    def name(self) -> str:
        """As the results call it; see `find_kind`."""

    @property
    @abstractmethod
    def targets(self) -> str:
        """For RECE Concepts, a line each."""

    @property
    def preserve(self) -> str:
        """For RECE Concepts, a line each; nothing."""
        return ""

    @property
    def negative(self) -> str:
        """A prompt that names all of them."""
        return ", ".join(self.erased)

    def captions(self) -> str:
        """Captions for the prior, a line each; none for those that ship."""
        return ""

    def probes(self) -> str:
        """Texts to measure drift on, a line each; none for those that ship."""
        return ""

    @abstractmethod
    def questions(self) -> dict[str, list[Question]]:
        """By column of the table."""

    @abstractmethod
    def floor(self) -> list[Question]:
        """Prompts that have nothing to do with what was erased."""

    @abstractmethod
    def put_anchor(self, question: Question) -> str:
        """The prompt with an anchor in the place of what was erased."""

    @abstractmethod
    def pairs(self, erased: str, *, described: bool) -> tuple[str, str]:
        """Prompts with the concept, by name or as `described`, and the same with its anchor, a line each."""

    @abstractmethod
    def elsewhere(self, question: Question) -> str:
        """The anchor's prompt for `question`, in another colour: what a direction is added to."""


def find_kind(task: str) -> str:
    """What the name of a task begins with, up to a colon: tasks of a kind are shown together."""
    return task.partition(":")[0]


@dataclass(frozen=True)
class World:
    """A model that ships, by its name in RECE Demo Model, and all that is asked of it.

    judge: what pictures (n, side, side, 3) in uint8 show. look: what `Question.look` is called.
    """

    model: str
    sampling: Sampling
    tasks: Sequence[Task]
    judge: Callable[[np.ndarray], list[Seen]]
    look: str
