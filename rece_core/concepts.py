"""What to erase onto what, and what to keep: plain texts, parsed and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ARROW = "=>"
EMPTY_ANCHOR = " "  # the paper's anchor for unsafe concepts and objects: one space, which says nothing


@dataclass(frozen=True)
class Concept:
    """A text to forget (`target`) and the text it shall act like (`anchor`)."""

    target: str
    anchor: str


@dataclass(frozen=True)
class Concepts:
    """Targets with their anchors, the texts to keep, and the kind that names the paper's preset for them."""

    kind: str
    pairs: tuple[Concept, ...]
    preserve: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check(self.pairs, self.preserve)

    def describe(self) -> str:
        """One line a pair, as a user would write them."""
        return "\n".join(f"{pair.target} {ARROW} {_visible(pair.anchor)}" for pair in self.pairs)


def parse_concepts(kind: str, targets: str, default_anchor: str = EMPTY_ANCHOR, preserve: str = "") -> Concepts:
    """Read concepts as a user types them.

    `targets` holds a target a line, each either `target` (mapped onto `default_anchor`) or `target => anchor`;
    nothing behind the arrow means one space. `preserve` holds a text a line. Blank lines are skipped.

    Raises ValueError for no target, a line without a target, a target twice, an anchor equal to its target, and a
    target that is also preserved.
    """
    pairs = []
    for number, line in enumerate(targets.splitlines(), start=1):
        if not line.strip():
            continue
        target, arrow, anchor = line.partition(ARROW)
        if not target.strip():
            raise ValueError(
                f"line {number} of the targets, {line.strip()!r}, has no target before '{ARROW}'. "
                f"Write 'target {ARROW} anchor', or delete the line."
            )
        pairs.append(Concept(_tidy(target), (_tidy(anchor if arrow else default_anchor)) or EMPTY_ANCHOR))
    return Concepts(kind, tuple(pairs), tuple(_tidy(line) for line in preserve.splitlines() if line.strip()))


def _check(pairs: Sequence[Concept], preserve: Sequence[str]) -> None:
    if not pairs:
        raise ValueError(
            "no target was given. Write at least one, a line each, as 'target' or 'target => anchor', "
            "for example 'van gogh => art'."
        )
    kept = {text.casefold() for text in preserve}
    seen: set[str] = set()
    for pair in pairs:
        name = pair.target.casefold()
        if name == pair.anchor.casefold():
            raise ValueError(
                f"the anchor of {pair.target!r} equals its target, so nothing would be erased. "
                "Choose an anchor that shows something else, or leave it out for the default."
            )
        if name in seen:
            raise ValueError(f"the target {pair.target!r} is listed twice. Remove one of the lines.")
        if name in kept:
            raise ValueError(
                f"the target {pair.target!r} is also in the list to preserve, which asks for both to forget and to "
                "keep it. Remove it from one of the two lists."
            )
        seen.add(name)


def _tidy(text: str) -> str:
    return " ".join(text.split())


def _visible(anchor: str) -> str:
    return anchor if anchor.strip() else "(one space)"
