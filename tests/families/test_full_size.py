"""Stable Diffusion 1.x, 2.x and XL with every block, in float32: 14 GB of memory for the largest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from .cases import FULL_SIZE
from .proofs import CLEAR, ROUNDING, prove_cases

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def findings() -> Mapping[str, Any]:
    return prove_cases("full", "families_full")


@pytest.mark.parametrize("case", FULL_SIZE)
def test_a_whole_model_edited_is_the_original_on_moved_texts(findings: Mapping[str, Any], case: str) -> None:
    found = findings[case]
    assert "error" not in found, found["error"]
    assert found["parameters"] == FULL_SIZE[case].parameters
    assert found["host_class"] == FULL_SIZE[case].model, "the host takes its weights for the published model"
    assert found["family"] == FULL_SIZE[case].family
    assert found["difference"] <= ROUNDING
    assert min(found["controls"].values()) >= CLEAR
    assert found["changed_outside"] == found["left_unchanged"] == []
    assert found["restored"]
