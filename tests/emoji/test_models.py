"""Assembled checkpoints in the host: its stock nodes read them once told, and draw what the parts draw."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.client import Client
from harness.environment import ROOT, Host
from harness.server import PACK_NAME, Server
from tests.host.graphs import CLEAR, ROUNDING, ModelGraph, difference, see

CHECK = Path(__file__).with_name("check_models.py")
ARCHITECTURES = ("flux", "unet")
SAVED = "emoji_00001_.safetensors"


@pytest.fixture(scope="module")
def made(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with models of random weights, and what the host made of them."""
    folder = tmp_path_factory.mktemp("models")
    subprocess.run([host.python, CHECK, ROOT, host.folder, folder], check=True)
    return folder


@pytest.fixture(scope="module")
def found(made: Path) -> dict[str, Any]:
    return json.loads((made / "found.json").read_text())


@pytest.fixture(scope="module")
def server(host: Host, made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """ComfyUI with the main pack and with the families as a pack of their own; the models are among its checkpoints."""
    base = tmp_path_factory.mktemp("comfyui")
    checkpoints = base / "models" / "checkpoints"
    checkpoints.mkdir(parents=True)
    for architecture in ARCHITECTURES:
        shutil.copy(made / "models" / f"{architecture}.safetensors", checkpoints)
    with Server(host, base, packs={PACK_NAME: ROOT, "rece_emoji": ROOT / "emoji"}) as started:
        yield started


def test_a_host_that_was_not_told_does_not_read_them(found: dict[str, Any]) -> None:
    assert not [name for name in found["strange"] if name and name.startswith("ReceEmoji")]


def test_told_twice_it_knows_each_family_once(found: dict[str, Any]) -> None:
    assert found["known"] == {"ReceEmojiUNet": 1, "ReceEmojiFlux": 1}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_text_encoder_is_the_hosts_clip_on_the_same_weights(found: dict[str, Any], architecture: str) -> None:
    each = found[architecture]
    assert max(each["states"], each["pooled"]) < 2e-3
    assert each["texts differ by"] > 0.5


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_host_draws_what_the_parts_draw(found: dict[str, Any], architecture: str) -> None:
    each = found[architecture]
    assert each["pictures"] < 2e-3
    assert each["pictures differ by"] > 10 * each["pictures"]


def test_gradients_of_the_transformer_are_right_with_the_hooks_and_none_without(found: dict[str, Any]) -> None:
    each = found["gradients"]
    assert each["said"] == pytest.approx(each["done"], rel=0.02)
    assert abs(each["said"]) > 1e-5
    assert "modified by an inplace operation" in each["without hooks"]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_stock_nodes_load_draw_and_save_it_and_it_can_be_erased(server: Server, architecture: str) -> None:
    with Client(server.url) as client:
        graph = ModelGraph("CheckpointLoaderSimple", ckpt_name=f"{architecture}.safetensors")
        erased = graph.iterate(concepts=graph.concepts("red heart => panda"))
        asked, other = (graph.encode(text) for text in ("red heart", "panda"))
        pictures = [graph.sample(*of) for of in ((None, asked), (erased[0], asked), (None, other), (erased[0], other))]
        graph.add("CheckpointSave", model=graph.model, clip=graph.clip, vae=graph.vae, filename_prefix="emoji")
        result = client.run(graph)
        before, after, anchor, _ = (see(result, picture) for picture in pictures)
        assert before.shape == (64, 64, 3)
        assert difference(before, anchor) >= CLEAR
        assert difference(before, after) >= CLEAR

        shutil.move(server.output / SAVED, server.base / "models" / "checkpoints" / SAVED)
        again = ModelGraph("CheckpointLoaderSimple", ckpt_name=SAVED)
        drawn = again.sample(None, again.encode("red heart"))
        assert difference(see(client.run(again), drawn), before) <= ROUNDING
        client.free()
