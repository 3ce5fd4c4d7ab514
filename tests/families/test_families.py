"""Every family of the table, proven in the host's own Python by `prove.py`, once for all tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from .cases import CASES
from .proofs import CLEAR, ROUNDING, prove_cases


@pytest.fixture(scope="session")
def findings() -> Mapping[str, Any]:
    return prove_cases("small", "families")


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def found(findings: Mapping[str, Any], case: str) -> Mapping[str, Any]:
    """The findings of one case; skips one that the host does not have."""
    found = findings[case]
    if "missing" in found:
        pytest.skip(f"{case}: {found['missing']}")
    if "error" in found:
        pytest.fail(found["error"], pytrace=False)
    return found


def test_the_table_knows_it(found: Mapping[str, Any], case: str) -> None:
    assert found["family"] == CASES[case].family
    assert set(found["streams"]) <= {*CASES[case].cond_inputs, "t5_pooled"}


def test_edited_it_is_the_original_on_moved_texts(found: Mapping[str, Any]) -> None:
    assert found["difference"] <= ROUNDING


def test_each_input_makes_a_difference(found: Mapping[str, Any]) -> None:
    assert min(found["controls"].values()) >= CLEAR


def test_a_front_gives_what_the_host_gives(found: Mapping[str, Any]) -> None:
    assert (found["preprocessor_difference"] or 0.0) <= ROUNDING
    assert (found["preprocessor_difference"] is not None) == any(
        part["preprocessor"] for part in found["streams"].values()
    )


def test_only_text_entries_change(found: Mapping[str, Any]) -> None:
    assert found["changed_outside"] == found["left_unchanged"] == []
    assert found["restored"]
