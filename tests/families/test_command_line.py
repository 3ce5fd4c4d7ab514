"""Which families the command line erases from, seen on small files by `erase_files.py`, once for all tests."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file

from harness.environment import ROOT, SetupError, locate_host
from rece_core.checkpoints.stored_encoders import ENCODERS
from tests.core.checkpoints import make_encoders

from .cases import CASES
from .proofs import CLEAR, ROUNDING

ERASE = ROOT / "tests" / "families" / "erase_files.py"
KINDS = {"SD 1.x": "sd1", "SD 2.x": "sd2", "SDXL": "sdxl", "SDXL refiner": "refiner"}


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """What `erase_files.py` found by case; kept in `out/command_line` for the table in the docs."""
    try:
        host = locate_host()
    except SetupError as error:
        pytest.fail(str(error), pytrace=False)
    encoders: Path = tmp_path_factory.mktemp("encoders")
    for family, kind in KINDS.items():
        save_file(make_encoders(kind), encoders / f"{family}.safetensors")
    file = ROOT / "out" / "command_line" / f"{host.version}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([host.python, ERASE, host.folder, file, encoders], check=True)
    return json.loads(file.read_text("utf-8"))["cases"]


def test_there_are_encoders_for_every_family_that_it_reads() -> None:
    assert set(KINDS) == set(ENCODERS)


@pytest.mark.parametrize("case", CASES)
def test_it_erases_or_says_why_not(findings: Mapping[str, Any], case: str) -> None:
    found, family = findings[case], CASES[case].family
    if "missing" in found:
        pytest.skip(f"{case}: {found['missing']}")
    if "error" in found:
        pytest.fail(found["error"], pytrace=False)
    if family not in ENCODERS:
        assert f"of the family '{family}', whose text encoder is not read here" in found["refused"]
        return
    assert "refused" not in found, found["refused"]
    assert found["difference"] <= ROUNDING
    assert found["moved"] >= CLEAR, "control: the erasure moves this text"
    assert found["streams"] == sorted(CASES[case].cond_inputs)
    assert all(name.endswith(("to_k.weight", "to_v.weight", "label_emb.0.0.weight")) for name in found["changed"])
