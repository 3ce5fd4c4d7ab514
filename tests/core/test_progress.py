"""Progress by stage: parts of a whole, which only grow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rece_core.progress import Progress

SIZES = st.lists(st.floats(0, 100), min_size=1, max_size=5).filter(lambda sizes: sum(sizes) > 1e-3)


class Shown:
    """What a bar was told: the shares and the names of steps."""

    def __init__(self) -> None:
        self.shares: list[float] = []
        self.steps: list[str] = []
        self.progress = Progress(self._show)

    def _show(self, share: float, step: str) -> None:
        self.shares.append(share)
        self.steps.append(step)


@given(SIZES, SIZES, st.integers(1, 7))
def test_stages_of_stages_fill_the_whole_in_order(outer: list[float], inner: list[float], steps: int) -> None:
    shown = Shown()
    for stage in shown.progress.split(*outer):
        for part in stage.split(*inner):
            on_step = part.count(steps)
            for step in range(steps):
                on_step(f"step {step}")
    assert shown.shares == sorted(shown.shares)
    assert shown.shares[0] > 0 or outer[0] * inner[0] == 0
    assert shown.shares[-1] == pytest.approx(1)
    assert len(shown.shares) == len(outer) * len(inner) * steps


def test_parts_are_as_large_as_their_sizes() -> None:
    parts = Progress().split(1, 0, 3)
    assert [(part.start, part.stop) for part in parts] == [(0, 0.25), (0.25, 0.25), (0.25, 1)]


def test_a_stage_that_ends_early_is_skipped_to_its_end() -> None:
    shown = Shown()
    first, second = shown.progress.split(1, 1)
    first.count(10)("first")
    second("second")
    assert shown.shares == pytest.approx([0.05, 0.5])


def test_more_steps_than_were_counted_stay_within_the_part() -> None:
    shown = Shown()
    first, _ = shown.progress.split(1, 1)
    on_step = first.count(2)
    for _ in range(5):
        on_step("one more")
    assert max(shown.shares) == 0.5


def test_it_never_falls_but_where_it_begins_again() -> None:
    shown = Shown()
    first, second = shown.progress.split(1, 1)
    second.count(2)("half of the second")
    first("a name, late")
    assert shown.shares == [0.75, 0.75]
    second.restart("again")
    assert shown.shares[-1] == 0.5


def test_names_stand_before_those_of_steps() -> None:
    shown = Shown()
    (part,) = shown.progress.named("pooled").split(1)
    part("read")
    part.named("epoch 1").count(1)("edit")
    assert shown.steps == ["pooled: read", "pooled: epoch 1: edit"]
