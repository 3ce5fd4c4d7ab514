"""Erased models as ordinary checkpoints: the stock saver writes them, the stock loader reads them, without the pack."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.client import Client
from harness.environment import ROOT
from harness.server import PACK_NAME, Server
from tests.host.graphs import CLEAR, ROUNDING, ModelGraph, Picture, difference, see

FILE = "erased_00001_.safetensors"


@pytest.fixture(scope="module")
def saved(server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Picture, Picture]:
    """A base folder whose models hold the saved erased checkpoint and erasure; pictures of original and erased."""
    graph = ModelGraph()
    erased = graph.iterate()
    original, drawn = graph.sample(), graph.sample(erased[0])
    graph.add("CheckpointSave", model=erased[0], clip=graph.clip, vae=graph.vae, filename_prefix="erased")
    graph.add("ReceSaveErasure", erasure=erased[1], filename_prefix="kept/erased")
    with Client(server.url) as client:
        result = client.run(graph)
    base = tmp_path_factory.mktemp("restarted")
    for source, folder in ((FILE, "checkpoints"), (f"rece_erasures/kept/{FILE}", "rece_erasures")):
        (base / "models" / folder).mkdir(parents=True)
        shutil.move(server.output / source, base / "models" / folder)
    return base, see(result, original), see(result, drawn)


def test_a_host_without_the_pack_draws_the_same(saved: Any, bare_server: Server) -> None:
    base, original, erased = saved
    shutil.copy(base / "models" / "checkpoints" / FILE, bare_server.base / "models" / "checkpoints")
    with Client(bare_server.url) as client:
        graph = ModelGraph("CheckpointLoaderSimple", ckpt_name=FILE)
        loaded = graph.sample()
        picture = see(client.run(graph), loaded)
    assert difference(picture, erased) <= ROUNDING
    assert difference(picture, original) >= CLEAR


def test_after_a_restart_file_and_checkpoint_draw_the_same(saved: Any, start_server: Any) -> None:
    base, original, erased = saved
    packs = {PACK_NAME: ROOT, "rece_demo": ROOT / "demo"}  # both at once: the family is registered once
    with Client(start_server(packs=packs, base=base).url) as client:
        graph = ModelGraph()
        loaded = graph.add("ReceLoadErasure", file=FILE)
        applied = graph.add("ReceApplyErasure", model=graph.model, clip=graph.clip, erasure=loaded[0], strength=1.0)
        again, untouched = graph.sample(applied[0]), graph.sample()
        checkpoint = ModelGraph("CheckpointLoaderSimple", ckpt_name=FILE)
        from_checkpoint = checkpoint.sample()
        result = client.run(graph)
        assert "a red circle => a blue square" in result.text(loaded)[0]
        assert difference(see(result, again), erased) <= ROUNDING
        assert difference(see(result, untouched), original) <= ROUNDING
        assert difference(see(client.run(checkpoint), from_checkpoint), erased) <= ROUNDING
