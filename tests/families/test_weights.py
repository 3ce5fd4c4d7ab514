"""Weights as users have them, read through the host's own loader by `read_weights.py`, once for all tests."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.environment import ROOT, SetupError, locate_host

READ = ROOT / "tests" / "families" / "read_weights.py"
FLOATS = ("float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")
QUANTISED = ("quantised int8_tensorwise", "quantised mxfp8", "quantised nvfp4")
TYPES = (*FLOATS, "scaled float8", "quantised float8", *QUANTISED)


@pytest.fixture(scope="module")
def types(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """What `read_weights.py` found, by storage type."""
    try:
        host = locate_host()
    except SetupError as error:
        pytest.fail(str(error), pytrace=False)
    file: Path = tmp_path_factory.mktemp("weights") / "found.json"
    subprocess.run([host.python, READ, host.folder, file], check=True)
    return json.loads(file.read_text("utf-8"))["types"]


@pytest.fixture(params=TYPES)
def kind(types: Mapping[str, Any], request: pytest.FixtureRequest) -> str:
    """A storage type; skips one that the host does not have."""
    if request.param not in types:
        pytest.skip(f"this host has no {request.param}")
    return request.param


def test_what_is_read_is_what_was_saved(types: Mapping[str, Any], kind: str) -> None:
    distances = types[kind]["distances"]
    assert set(distances) == {"fresh", "with a LoRA", "patched in place", "without the LoRA", "partly loaded"}
    assert max(distances.values()) <= 1e-6
    assert types[kind]["shapes_right"] and types[kind]["entries"] == 14


def test_the_rounding_told_is_that_of_the_host(types: Mapping[str, Any], kind: str) -> None:
    found = types[kind]
    assert found["rounding"] == pytest.approx(found["actual_rounding"], rel=1e-3, abs=1e-7)
    assert (found["rounding"] > 0.01) == (kind not in FLOATS[:3])
    assert found["stored_as"] == [kind] or kind not in FLOATS


def test_narrow_types_are_said_to_add_noise(types: Mapping[str, Any]) -> None:
    said = types["float8_e5m2"]["said"]
    assert re.fullmatch(r"weights are stored as float8_e5m2: rounding them adds noise of 0\.\d+ times the edit", said)
    assert types["float32"]["said"] == "weights are stored as float32: rounding them adds under 0.1% to the edit"


def test_weights_that_only_other_nodes_can_read(types: Mapping[str, Any]) -> None:
    assert re.search(
        r"stored as uint8 \(Parameter\), which only the nodes .*unquantised or fp8", types["refused"]["packed"]
    )
    assert re.search(r"rescaled channel by channel \(AWQ smoothing\)", types["refused"]["rescaled"])


def test_large_work_is_done_where_there_is_memory(types: Mapping[str, Any]) -> None:
    room = types["room"]
    assert (room["small"], room["large"]) == ("mps", "cpu")
    assert re.search(r"a copy of the model in float32, \d+\.\d GB, but .* free on mps\. .* RECE Red Team", room["copy"])


def test_work_that_runs_out_of_memory_is_done_again_on_the_cpu(types: Mapping[str, Any]) -> None:
    """And so is what follows; progress goes back to where the work began, and says why."""
    told = "computed on the CPU: mps ran out of memory"
    assert types["room"]["again"] == [2, 3, "mps", "cpu", "cpu", 0.25, told]
