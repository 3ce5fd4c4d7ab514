"""A short part of `run.py torture`, and extremes that random damage seldom makes, in a process of limited memory."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.torture import extreme_kinds, roomy_kinds
from torture.campaign import run_campaign
from torture.kind import Kind
from torture.kinds import ALL
from torture.worker import make_input

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="files with holes, limits of memory, as Linux has them")


def find_failures(module: str, counts: dict[str, int], folder: Path) -> list[object]:
    done = run_campaign(module, counts, seed=7, kept=folder / "kept.jsonl", processes=1)
    assert sum(job["count"] for job in done) == sum(counts.values())
    return [(job["kind"], failure) for job in done for failure in job["failures"]]


def test_damage_is_answered_in_a_sentence(tmp_path: Path) -> None:
    assert find_failures("tests.torture.roomy_kinds", roomy_kinds.COUNTS, tmp_path) == []


def test_extremes_cost_little(tmp_path: Path) -> None:
    """What is beyond the limits is refused, what is within them passes."""
    counts = dict.fromkeys(extreme_kinds.KINDS, 1)
    assert find_failures("tests.torture.extreme_kinds", counts, tmp_path) == []


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
def test_what_is_whole_passes(kind: Kind, tmp_path: Path) -> None:
    """Else damage would be refused for another reason than the damage."""
    for each in kind.whole():
        each.write(tmp_path / kind.name)
        kind.attack(tmp_path / kind.name)


def test_the_same_seed_makes_the_same_input() -> None:
    for kind in ALL:
        assert make_input(kind, 1, 5) == make_input(kind, 1, 5)
        assert make_input(kind, 1, 5) != make_input(kind, 2, 5)
