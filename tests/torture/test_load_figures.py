"""What grows is told from what comes and goes."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

pytest.importorskip("psutil")
from torture.load import Found, describe
from torture.load_figures import Figures, find_growth, measure_slope, read_figures


def draw_memory(slope: float, count: int = 400) -> list[float]:
    """Memory that wanders as allocators let it, and grows by `slope` MB a prompt."""
    rng = np.random.default_rng(5)
    wave = 20 * np.sin(np.arange(count) / 7)
    return [float(each) for each in 600 + slope * np.arange(count) + wave + rng.normal(0, 5, count)]


@pytest.mark.parametrize("slope", [0.0, 0.25, 1.0, -0.5])
def test_the_interval_holds_the_slope(slope: float) -> None:
    found, low, high = measure_slope(draw_memory(slope))
    assert low <= slope <= high
    assert low < found < high
    assert high - low < 0.2


@pytest.mark.parametrize(
    ("slope", "handles", "threads", "grows"),
    [(0.0, 0, 0, []), (0.25, 0, 0, ["memory"]), (0.0, 1, 0, ["handles"]), (0.0, 0, 1, ["threads"]), (-1.0, -1, -1, [])],
)
def test_growth_is_named(slope: float, handles: int, threads: int, grows: list[str]) -> None:
    figures = [
        Figures(memory, 500 + handles * number + number % 3, 450 + threads * number + number % 2)
        for number, memory in enumerate(draw_memory(slope))
    ]
    assert [each.split()[0] for each in find_growth(figures)] == grows


def test_a_campaign_is_told_with_its_control() -> None:
    steady = [Figures(memory, 14, 5) for memory in draw_memory(0.0)]
    leaking = [Figures(memory, 14 + number, 5) for number, memory in enumerate(draw_memory(1.0, 100))]
    found = Found(prompts=400, cancels=2, waits=[0.1, 3.0], figures=steady)
    row, numbers = describe(found, leaking)
    assert (row.tried, row.failed) == (400, 0)
    assert "handles grow from" in row.control and "memory grows by" in row.control
    assert "2 cancels, idle after 1.55 s in the median, at worst 3.00 s" in row.remarks
    assert len(numbers["MB after each prompt"]) == 400
    grown, _ = describe(Found(400, 2, [1.0], steady[:50] + leaking, ["prompt 3, draw: x"]), steady)
    assert grown.failed == 3, "what a prompt said, handles and memory"
    assert grown.control.endswith("not caught")


def test_figures_are_those_of_a_process() -> None:
    before = read_figures(os.getpid())
    done = threading.Event()
    waiting = [threading.Thread(target=done.wait) for _ in range(5)]
    for each in waiting:
        each.start()
    kept = bytearray(b"x" * 50_000_000)
    files = [open(os.devnull, "rb") for _ in range(7)]  # noqa: SIM115
    after = read_figures(os.getpid())
    done.set()
    for file in files:
        file.close()
    assert after.threads >= before.threads + 5
    assert after.handles >= before.handles + 7
    assert after.memory > before.memory + 0.9 * len(kept) / 1e6
