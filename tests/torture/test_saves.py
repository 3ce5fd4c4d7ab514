"""A short part of what `run.py torture` does to saves: death and faults at every call, and what it must catch."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from torture.fault import find_compiler
from torture.report import keep_rows, read_rows, write_rows
from torture.saves import run_saves
from torture.weak import WEAKNESSES, is_caught

pytestmark = pytest.mark.skipif(sys.platform != "linux" or not find_compiler(), reason="needs Linux and a C compiler")
QUICK = ("no rename",)


def test_nothing_is_lost() -> None:
    rows = list(
        run_saves("deaths", "rivals", "altered", "--scene", "results table", "--scene", "erasure, through a link")
    )
    assert [(row["name"], row["lost"]) for row in rows] == [(row["name"], []) for row in rows]
    assert [row["name"].rpartition(", ")[2] for row in rows] == [
        *("killed", "failed", "two at once"),
        *("killed", "failed", "two at once", "altered"),
    ]
    assert all(row["calls"] >= 8 for row in rows if "calls" in row), "control: calls are counted"
    assert all(row["tried"] > row["calls"] for row in rows if "calls" in row)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in WEAKNESSES]
)
def test_weakened_copies_are_caught(name: str) -> None:
    assert is_caught(WEAKNESSES[name])


def test_rows_take_the_place_of_older_ones(tmp_path: Path) -> None:
    keep_rows(
        tmp_path,
        [{"name": "a", "tried": 1000, "failed": 0, "control": "b: caught"}, {"name": "c", "tried": 1, "failed": 1}],
    )
    keep_rows(tmp_path, [{"name": "c", "tried": 2, "failed": 0}])
    assert [row["tried"] for row in read_rows(tmp_path)] == [1000, 2]
    assert write_rows(read_rows(tmp_path)).splitlines()[2:] == ["| a | 1,000 | 0 | b: caught |", "| c | 2 | 0 | – |"]
