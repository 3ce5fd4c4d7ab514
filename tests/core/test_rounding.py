"""What a storage type adds to an edit, in words."""

from __future__ import annotations

from rece_core.reporting.description import Rounding


def test_rounding_as_large_as_the_edit_comes_with_advice() -> None:
    assert Rounding(("float8_e5m2", "float16"), 1.25).describe() == (
        "weights are stored as float8_e5m2, float16: rounding them adds noise of 1.2 times the edit; "
        "edit a wider copy of the model where you can"
    )


def test_little_rounding() -> None:
    assert Rounding(("float16",), 4e-4).describe() == (
        "weights are stored as float16: rounding them adds under 0.1% to the edit"
    )
    assert Rounding(("bfloat16",), 0.02).describe().endswith("adds noise of 0.02 times the edit")


def test_edits_that_are_added_at_each_step_are_told_as_such() -> None:
    assert Rounding(("float16", "GGUF Q4_K"), 0.0079, "bfloat16").describe() == (
        "weights are stored as float16, GGUF Q4_K; to what those of GGUF stand for the edit is added at each step, in "
        "bfloat16: rounding adds noise of 0.0079 times the edit"
    )
