"""Progress on the command line: bars on stderr where that is a terminal."""

from __future__ import annotations

from typing import Any

from tqdm import tqdm

WIDTH = 44  # letters of a step's name


class Steps:
    """A bar of `steps`, called with the name of each before it; to be used in a `with` block."""

    def __init__(self, steps: int) -> None:
        self._bar = tqdm(total=steps, disable=None, unit="step", bar_format="{percentage:3.0f}% {bar:24} {desc}")

    def __enter__(self) -> Steps:
        return self

    def __exit__(self, *error: Any) -> None:
        self._bar.close()

    def __call__(self, step: str) -> None:
        self._bar.set_description_str(step if len(step) <= WIDTH else f"{step[: WIDTH - 1]}…", refresh=False)
        self._bar.update()


def count_bytes(total: int, what: str = "write") -> Any:
    """A bar of bytes, to be used in a `with` block; its `update` takes a number of them. what: is done with them."""
    return tqdm(total=total, disable=None, unit="B", unit_scale=True, desc=what)
