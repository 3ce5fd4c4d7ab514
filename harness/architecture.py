"""Draw which rooms of the engine use which, from its imports: `python -m harness.architecture` writes it into the page.

The picture is a Mermaid graph, which GitHub and most readers of Markdown show. An arrow that others imply is left out.
"""

from __future__ import annotations

from collections.abc import Mapping

import grimp

from .environment import ROOT
from .marks import fill_marks

PACKAGE = "rece_core"
PAGE = ROOT / "docs" / "architecture.md"

Uses = Mapping[str, set[str]]


def main() -> None:
    fill_marks(PAGE, "rooms", draw(find_uses()))


def find_uses() -> dict[str, set[str]]:
    """The rooms that each room of the engine imports from, directly."""
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    uses: dict[str, set[str]] = {room.removeprefix(f"{PACKAGE}."): set() for room in graph.find_children(PACKAGE)}
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            one, other = (name.split(".")[1] if "." in name else "" for name in (module, imported))
            if one and other and one != other:
                uses[one].add(other)
    return {room: found for room, found in sorted(uses.items()) if not room.startswith("__")}


def draw(uses: Uses) -> str:
    """The Mermaid graph of `uses`, from the rooms that nothing uses down to those that use nothing."""
    arrows = [
        f"  {room} --> {used}"
        for room, direct in uses.items()
        for used in sorted(direct)
        if not any(used in _reach(uses, other) for other in direct - {used})
    ]
    return "\n".join(["```mermaid", "graph TD", *arrows, "```"])


def _reach(uses: Uses, room: str) -> set[str]:
    """All that `room` uses, directly or by others; rooms use each other in one direction only."""
    return uses[room].union(*(_reach(uses, used) for used in uses[room]))


if __name__ == "__main__":
    main()
