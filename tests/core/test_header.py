"""What headers say of erasures."""

from __future__ import annotations

import json

import pytest

from rece_core.storage.header import add_provenance, is_erased, list_earlier, unfold

FIRST = {"made_by": "ComfyUI-RECE 1", "erased": "a => b", "parts": "{}"}
SECOND = {"made_by": "ComfyUI-RECE 2", "erased": "c => d", "parts": "{}"}
THIRD = {"made_by": "ComfyUI-RECE 3", "erased": "é => f", "parts": "{}"}


def test_what_was_there_stays() -> None:
    before = {"format": "pt", "modelspec.title": "mine"}
    assert add_provenance(before, FIRST) == {**before, **FIRST}
    assert before == {"format": "pt", "modelspec.title": "mine"}


def test_erased_again_and_again() -> None:
    header = add_provenance(add_provenance(add_provenance({"format": "pt"}, FIRST), SECOND), THIRD)
    assert {name: header[name] for name in THIRD} == THIRD
    assert list_earlier(header) == [FIRST, SECOND]


@pytest.mark.parametrize("metadata", [{}, {"erased": "x"}, {"made_by": "ComfyUI-RECE 1"}, {**FIRST, "made_by": "y"}])
def test_a_header_of_others(metadata: dict[str, str]) -> None:
    assert is_erased(FIRST)
    assert not is_erased(metadata)


@pytest.mark.parametrize("text", ["", "{", "3", "[3]", '{"a": 1}'])
def test_a_damaged_list(text: str) -> None:
    assert list_earlier({"earlier": text}) == []


def test_what_the_host_folded_into_json_counts_too() -> None:
    """RECE Save Checkpoint gives the host its texts in one object."""
    folded = {
        "prompt": "{}",
        "rece": json.dumps({"made_by": "ComfyUI-RECE 1", "erased": "é => b", "parts": {"tokens": 1}}),
    }
    assert unfold(folded) == {"prompt": "{}", "made_by": "ComfyUI-RECE 1", "erased": "é => b", "parts": '{"tokens": 1}'}
    assert is_erased(unfold(folded))
    assert not is_erased(folded), "control"
    assert list_earlier(add_provenance(folded, SECOND))[0]["erased"] == "é => b"


@pytest.mark.parametrize("text", ["{", "[]", "1", "{}"])
def test_what_another_wrote_under_that_name_stays(text: str) -> None:
    assert unfold({"rece": text, "a": "b"}) == {"rece": text, "a": "b"}
