"""LoRA files of every family in the host's own Python, see `lora_trips.py`, once for all tests."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

from harness.environment import ROOT, SetupError, locate_host

from .cases import CASES

TRIPS = ROOT / "tests" / "families" / "lora_trips.py"
pytestmark = pytest.mark.slow
ROUNDING = 1.5e-3  # of what changes: what an automatic rank may leave out, and float16


@pytest.fixture(scope="session")
def findings() -> Mapping[str, Any]:
    """What `lora_trips.py` found by case; kept in `out/loras` for the table in the docs."""
    try:
        host = locate_host()
    except SetupError as error:
        pytest.fail(str(error), pytrace=False)
    folder = ROOT / "out" / "loras"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{host.version}.found.txt"
    subprocess.run([host.python, TRIPS, host.folder, file], check=True)
    found = json.loads(file.read_text("utf-8"))
    told = {
        name: f"`{each['prefix']}…`" for name, each in found["cases"].items() if each.get("difference", 1) <= ROUNDING
    }
    (folder / f"{host.version}.json").write_text(json.dumps({"host": found["host"], "cases": told}), "utf-8")
    return found["cases"]


@pytest.fixture(params=list(CASES))
def found(findings: Mapping[str, Any], request: pytest.FixtureRequest) -> Mapping[str, Any]:
    """The findings of one case; skips one that the host does not have."""
    found = findings[request.param]
    if "missing" in found:
        pytest.skip(f"{request.param}: {found['missing']}")
    if "error" in found:
        pytest.fail(found["error"], pytrace=False)
    return found


def test_every_key_is_loaded(found: Mapping[str, Any]) -> None:
    assert found["missed"] == []
    assert found["missed_damaged"] == 1, "control: keys of other names are told"


def test_the_weights_are_the_erased_ones(found: Mapping[str, Any]) -> None:
    assert found["changed"]
    assert found["difference"] <= ROUNDING
    assert found["changed_outside"] == []
