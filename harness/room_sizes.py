"""Count the rooms at an earlier commit and now: `python -m harness.room_sizes COMMIT` writes them into the page.

Counted are Python files as git has them: files, lines, and public names, which are the functions, classes and
constants of a module that do not begin with an underscore.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass

from .architecture import PAGE
from .environment import ROOT
from .marks import fill_marks

SPLIT = "rece_core"  # the room that is counted room by room


@dataclass
class Size:
    """What one room holds."""

    files: int = 0
    lines: int = 0
    names: int = 0

    def add(self, source: str) -> None:
        """Count one more file."""
        self.files += 1
        self.lines += source.count("\n")
        self.names += count_names(source)


def main(commit: str) -> None:
    fill_marks(PAGE, "sizes", draw(commit, measure(commit), measure("HEAD")))


def measure(commit: str) -> dict[str, Size]:
    """The sizes of the rooms that have Python files at `commit`, by name."""
    sizes: dict[str, Size] = defaultdict(Size)
    for path in _git("ls-tree", "-r", "-z", "--name-only", commit).split("\0"):
        if path.endswith(".py") and "/" in path:
            sizes[_find_room(path)].add(_git("show", f"{commit}:{path}"))
    return dict(sizes)


def count_names(source: str) -> int:
    """How many public names the module `source` defines."""
    names: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name))
    return sum(not name.startswith("_") for name in names)


def draw(commit: str, before: dict[str, Size], now: dict[str, Size]) -> str:
    """The table, a room a line; a room that is missing on one side has dashes there."""
    lines = [f"| room | files at {commit[:7]} | lines | public names | files now | lines | public names |"]
    lines.append("|---|" + "---:|" * 6)
    for room in sorted({*before, *now}):
        cells = [_cells(sizes.get(room)) for sizes in (before, now)]
        lines.append(f"| `{room}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cells(size: Size | None) -> str:
    return f"{size.files} | {size.lines:,} | {size.names}" if size else "– | – | –"


def _find_room(path: str) -> str:
    first, second, *_ = path.split("/")
    return f"{first}/{second}" if first == SPLIT and not second.endswith(".py") else first


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main(*sys.argv[1:])
