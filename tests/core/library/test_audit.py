"""The audit of pairs: nothing is left to find where nothing was erased, less of the concept where it was."""

from __future__ import annotations

import csv
from pathlib import Path

from rece_core.library.report import format_page
from tests.core.library.conftest import Library
from tests.core.library.libraries import RULE, write_plan

ORIGINAL = "models/sd1-000.safetensors"


def test_pairs_are_told_apart(library: Library, folder: Path) -> None:
    library(write_plan(folder, erase=[{**RULE, "seal": 0}]))
    texts = {"original": ORIGINAL, "target": "a cat", "anchor": "a dog"}
    pairs = [{**texts, "erased": each} for each in (ORIGINAL, "out/sd1-000.safetensors")]
    plan = write_plan(folder, inputs=None, erase=None, output="audited", audit=pairs)
    code, out, err = library(plan)
    assert code == 0, err
    assert "2 pairs audited, 0 failed." in out
    with open(folder / "audited" / "audit.csv", encoding="utf-8", newline="") as file:
        same, erased = sorted(csv.DictReader(file), key=lambda row: "out" in row["erased"])
    assert float(same["drift"]) == 0 and abs(float(same["condition"]) - 1) < 1e-6
    assert abs(float(same["forgotten"])) < 1e-6 and float(same["words.recoverable"]) > 0.999  # a control
    assert float(erased["forgotten"]) > 0.5 and float(erased["words.recoverable"]) < 0.5
    assert float(erased["drift"]) > 0 and float(erased["condition"]) > 1


def test_what_does_not_belong_together_is_told_and_the_rest_goes_on(library: Library, folder: Path) -> None:
    (folder / "broken.safetensors").write_bytes(b"nothing")
    texts = {"original": ORIGINAL, "target": "a cat"}
    pairs = [{**texts, "erased": each} for each in (ORIGINAL, "broken.safetensors")]
    code, _, err = library(write_plan(folder, inputs=None, erase=None, audit=pairs))
    assert code == 1 and "1 pair audited, 1 failed." in err and "broken.safetensors is not a complete" in err


def test_names_are_text_on_the_page_never_markup() -> None:
    rows = [{"input": "<script>alert(1)</script>", "state": "failed", "bytes": 1234, "drift": 0.25, "error": None}]
    page = format_page(rows, "A & B")
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page and "A &amp; B" in page
    assert 'data-value="1234">1,234<' in page and "<tr class=failed>" in page
