"""A kind of inputs: how they are made, what is done with them, and how much that may cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from .inputs import Input

Attack = Callable[[Path], None]


@dataclass(frozen=True)
class Kind:
    """A kind of inputs.

    name: of the file that is written. count: of inputs in a run by default. make: one of them, of random numbers.
    attack: what is done with it. whole: undamaged ones, which must pass. seconds, memory: of the processor, and bytes,
    that one may take.
    """

    name: str
    count: int
    make: Callable[[Random], Input]
    attack: Attack
    whole: Callable[[], list[Input]]
    seconds: float = 2
    memory: int = 256 << 20
