"""Every family of the table, proven in the host's own Python by `prove.py`, once for all tests."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

from harness.environment import ROOT, SetupError, locate_host

from .cases import CASES

PROVE = ROOT / "tests" / "families" / "prove.py"
ROUNDING = 1e-5  # of float32, over the layers of a model
CLEAR = 1e-3


@pytest.fixture(scope="session")
def findings() -> Mapping[str, Any]:
    """What `prove.py` found by case; kept in `out/families` for the table in the docs."""
    try:
        host = locate_host()
    except SetupError as error:
        pytest.fail(str(error), pytrace=False)
    file = ROOT / "out" / "families" / f"{host.version}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([host.python, PROVE, host.folder, file], check=True)
    return json.loads(file.read_text("utf-8"))["cases"]


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
    assert set(found["streams"]) <= {*CASES[case].streams, "t5_pooled"}


def test_edited_it_is_the_original_on_moved_texts(found: Mapping[str, Any]) -> None:
    assert found["difference"] <= ROUNDING


def test_each_stream_makes_a_difference(found: Mapping[str, Any]) -> None:
    assert min(found["controls"].values()) >= CLEAR


def test_a_front_gives_what_the_host_gives(found: Mapping[str, Any]) -> None:
    assert (found["front_difference"] or 0.0) <= ROUNDING
    assert (found["front_difference"] is not None) == any(part["front"] for part in found["streams"].values())


def test_only_text_entries_change(found: Mapping[str, Any]) -> None:
    assert found["changed_outside"] == found["left_unchanged"] == []
    assert found["restored"]
