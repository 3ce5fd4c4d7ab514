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


@contextmanager
def count_files(files: int, size: int) -> Iterator[FileBar]:
    """Within it, a bar of `size` bytes that also counts `files` and those that failed."""
    with tqdm(total=size, disable=None, unit="B", unit_scale=True) as bar:
        yield FileBar(bar, files)


class FileBar:
    """How many files are done, and how many of them failed."""

    def __init__(self, bar: Any, files: int) -> None:
        self._bar, self._files, self._done, self._failed = bar, files, 0, 0

    def show(self, failed: bool, size: int) -> None:
        """One more file of `size` bytes is done, or has failed."""
        self._done, self._failed = self._done + 1, self._failed + failed
        self._bar.set_description_str(f"{self._done} of {self._files} files, {self._failed} failed", refresh=False)
        self._bar.update(size)
