"""Assembled checkpoints in the host: its stock loader knows them once told, and draws what the parts draw."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.environment import ROOT, Host

CHECK = Path(__file__).with_name("check_models.py")


@pytest.fixture(scope="module")
def found(host: Host, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("models")
    subprocess.run([host.python, CHECK, ROOT, host.folder, folder], check=True)
    return json.loads((folder / "found.json").read_text())


def test_a_host_that_was_not_told_does_not_read_them(found: dict[str, Any]) -> None:
    assert not [name for name in found["strange"] if name and name.startswith("ReceEmoji")]


def test_told_twice_it_knows_each_family_once(found: dict[str, Any]) -> None:
    assert found["known"] == {"ReceEmojiUNet": 1, "ReceEmojiFlux": 1}


@pytest.mark.parametrize("architecture", ["flux", "unet"])
def test_the_text_encoder_is_the_hosts_clip_on_the_same_weights(found: dict[str, Any], architecture: str) -> None:
    each = found[architecture]
    assert max(each["states"], each["pooled"]) < 2e-3
    assert each["texts differ by"] > 0.5


@pytest.mark.parametrize("architecture", ["flux", "unet"])
def test_the_host_draws_what_the_parts_draw(found: dict[str, Any], architecture: str) -> None:
    each = found[architecture]
    assert each["pictures"] < 2e-3
    assert each["pictures differ by"] > 10 * each["pictures"]
