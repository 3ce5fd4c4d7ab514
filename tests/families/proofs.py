"""Runs `prove.py` with the host's Python, and reads what it found."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

from harness.environment import ROOT, SetupError, locate_host

PROVE = ROOT / "tests" / "families" / "prove.py"
ROUNDING = 1e-5  # of float32, over the layers of a model
CLEAR = 1e-3


def prove_cases(size: str, folder: str, *names: str) -> Mapping[str, Any]:
    """What `prove.py` finds by case, `names` or all; kept in `out/FOLDER` for the table in the docs."""
    try:
        host = locate_host()
    except SetupError as error:
        pytest.fail(str(error), pytrace=False)
    file = ROOT / "out" / folder / f"{host.version}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([host.python, PROVE, host.folder, file, size, *names], check=True)
    return json.loads(file.read_text("utf-8"))["cases"]
