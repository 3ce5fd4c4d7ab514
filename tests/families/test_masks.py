"""The mask of a text encoder hides rows from some models only: `MASKED` in nodes/host_texts.py says from which."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from harness.environment import locate_host

HEEDED = ("LTX-Video", "HunyuanDiT")
UNHEEDED = ("SD3", "Flux.1 dev", "Flux.2", "LongCat-Image")
Moved = dict[str, dict[str, float]]


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Moved:
    """What `respect_masks.py` found in the host's own Python."""
    host, file = locate_host(), tmp_path_factory.mktemp("masks") / "moved.json"
    script = Path(__file__).with_name("respect_masks.py")
    command = [str(host.python), str(script), str(host.folder), str(file), *HEEDED, *UNHEEDED]
    done = subprocess.run(command, cwd=file.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: Moved = json.loads(file.read_text("utf-8"))
    return found


@pytest.mark.parametrize("name", [*HEEDED, *UNHEEDED])
def test_which_models_heed_a_mask(name: str, moved: Moved) -> None:
    if not moved[name]:
        pytest.skip("this host does not have the family")
    assert moved[name]["shown"] > 1e-4  # control
    if name in HEEDED:
        assert moved[name]["hidden"] == 0
    else:
        assert moved[name]["hidden"] > 1e-4
