"""A full-size checkpoint of Stable Diffusion 1.x, random weights: erased here, drawn on a host without the pack."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.client import Client, NodeFailed
from harness.server import Server
from tests.host.graphs import CLEAR, ROUNDING, ModelGraph, difference, see

MAKE = Path(__file__).with_name("make_random_sd15.py")
FILE = "random_sd15.safetensors"
SAVED = "erased_sd15_00001_.safetensors"


@pytest.fixture
def checkpoint(server: Server, bare_server: Server) -> Iterator[Path]:
    """The checkpoint, among the models of `server`; it and what is made of it are deleted afterwards, and forgotten."""
    made = models_of(server) / FILE
    subprocess.run([server.host.python, MAKE, server.host.folder, made], check=True)
    yield made
    for path in (made, server.output / SAVED, models_of(bare_server) / SAVED):
        path.unlink(missing_ok=True)
    for each in (server, bare_server):
        with Client(each.url) as client:
            client.free()


def models_of(server: Server) -> Path:
    return server.base / "models" / "checkpoints"


def sample_small(graph: ModelGraph, *model: Any) -> Any:
    return graph.sample(*model, positive=graph.encode("nudity"), steps=2, pixels=64)


def test_erased_and_saved_it_is_an_ordinary_checkpoint(
    client: Client, server: Server, bare_server: Server, checkpoint: Path
) -> None:
    graph = ModelGraph("CheckpointLoaderSimple", ckpt_name=checkpoint.name)
    erased = graph.iterate(concepts=graph.concepts("", kind="nudity"))
    before, after = sample_small(graph), sample_small(graph, erased[0])
    graph.add("CheckpointSave", model=erased[0], clip=graph.clip, vae=graph.vae, filename_prefix="erased_sd15")
    result = client.run(graph)
    assert difference(see(result, before), see(result, after)) >= CLEAR

    mixed = ModelGraph()
    mixed.hash(mixed.iterate(clip=graph_clip(mixed, checkpoint))[0])
    with pytest.raises(NodeFailed, match=r"embeddings of width 768, but the model reads width 128\. Connect the CLIP"):
        client.run(mixed)
    client.free()

    (server.output / SAVED).rename(models_of(bare_server) / SAVED)
    with Client(bare_server.url) as bare:
        again = ModelGraph("CheckpointLoaderSimple", ckpt_name=SAVED)
        drawn = sample_small(again)
        picture = see(bare.run(again), drawn)
    assert difference(picture, see(result, after)) <= ROUNDING


def graph_clip(graph: ModelGraph, checkpoint: Path) -> Any:
    return graph.add("CheckpointLoaderSimple", ckpt_name=checkpoint.name)[1]
