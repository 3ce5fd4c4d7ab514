"""A campaign catches what deliberately weak parsers do, goes on after a death, and where it stopped."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.torture.weak_kinds import KINDS
from torture.campaign import run_campaign
from torture.documents import Document, Stored, read_document
from torture.inputs import Input
from torture.reduce import reduce_input
from torture.report import describe, sum_jobs
from torture.worker import make_input

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")

WEAK = "tests.torture.weak_kinds"


def test_weak_parsers_are_caught(tmp_path: Path) -> None:
    counts = {**dict.fromkeys(KINDS, 40), "hang": 8}
    kept = tmp_path / "kept.jsonl"
    sums = sum_jobs(run_campaign(WEAK, counts, 3, kept, 1))

    def count(name: str, least: int) -> int:
        return sum(len(make_input(KINDS[name], 3, index).content) >= least for index in range(counts[name]))

    odd = sum(len(make_input(KINDS["break"], 3, index).content) % 2 for index in range(40))
    assert sums["break"]["counts"] == {"KeyError": odd}
    assert sums["hang"]["counts"] == {"hangs: over the limit of seconds": count("hang", 7)}
    assert sums["hoard"]["counts"] == {"MemoryError": count("hoard", 7)}
    assert sums["quote"]["counts"] == {"JSONDecodeError": 40}
    assert sums["refuse"]["counts"] == {}
    assert {name: each["tried"] for name, each in sums.items()} == counts
    assert "KeyError" in describe(sums)

    lines = kept.read_text("utf-8").splitlines()
    kept.write_text("".join(f"{line}\n" for line in lines[:2]), "utf-8")
    again = sum_jobs(run_campaign(WEAK, counts, 3, kept, 1))
    assert {name: each["counts"] for name, each in again.items()} == {
        name: each["counts"] for name, each in sums.items()
    }
    assert [json.loads(line)["kind"] for line in lines[:2]] == list(counts)[:2]


def test_the_smallest_input_that_fails_is_found() -> None:
    text = reduce_input(Input(b"many words, one of them BAD, and more"), lambda given: b"BAD" in given.content)
    assert text.content == b"BAD"
    tensors = tuple(Stored(f"layer {number}", "F32", [2, 2]) for number in range(9))
    whole = Document({"format": "pt", "more": "[1, 2, 3, 4]"}, tensors).build()

    def fails(given: Input) -> bool:
        try:
            return "layer 7" in [each.name for each in read_document(given.content).tensors]
        except Exception:
            return False

    small = reduce_input(whole, fails)
    assert [each.name for each in read_document(small.content).tensors] == ["layer 7"]
    assert len(small.content) < len(whole.content) / 4
