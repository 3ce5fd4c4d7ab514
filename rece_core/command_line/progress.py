"""Progress on the command line: bars on stderr where that is a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from ..progress import Progress
from ..texts.wording import escape_controls

WIDTH = 44  # letters of a step's name


@contextmanager
def show_progress() -> Iterator[Progress]:
    """Within it, long work as a bar with the name of each step."""
    with tqdm(total=1.0, disable=None, bar_format="{percentage:3.0f}% {bar:24} {desc}") as bar:

        def show(share: float, step: str) -> None:
            shown = " ".join(escape_controls(step[:WIDTH]).split())
            bar.set_description_str(shown if len(step) <= WIDTH else f"{shown[: WIDTH - 1]}…", refresh=False)
            bar.update(share - bar.n)

        yield Progress(show)


def count_bytes(total: int, what: str = "write") -> Any:
    """A bar of bytes, to be used in a `with` block; its `update` takes a number of them. what: is done with them."""
    return tqdm(total=total, disable=None, unit="B", unit_scale=True, desc=what)
