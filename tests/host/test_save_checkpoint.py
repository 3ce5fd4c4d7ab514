"""RECE Save Checkpoint: the host's own checkpoint, whose header says where it comes from; never half of one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from harness.client import Client, NodeFailed
from harness.server import Server
from tests.host.graphs import CLEAR, ROUNDING, TARGETS, ModelGraph, difference, require_alive, see


def save(graph: ModelGraph, erased: Any, **changes: Any) -> Any:
    inputs = {"model": erased[0], "clip": graph.clip, "vae": graph.vae, "erasure": erased[1]}
    return graph.add("ReceSaveCheckpoint", **{**inputs, "filename_prefix": "checkpoints/erased", **changes})


def read_header(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:
        return file.metadata()


def test_it_draws_the_same_and_says_what_was_erased(client: Client, server: Server) -> None:
    graph = ModelGraph()
    erased = graph.iterate()
    saved = save(graph, erased)
    original, drawn = graph.sample(), graph.sample(erased[0])
    result = client.run(graph)
    name = "checkpoints/erased_00001_.safetensors"
    assert name in result.text(saved)[0].replace("\\", "/")

    header = read_header(server.output / name)
    told = json.loads(header["rece"])
    assert told["erased"] == TARGETS
    assert told["made_by"].startswith("ComfyUI-RECE ")
    assert told["parts"]["tokens"]["settings"]["epochs"] == 1
    assert len(told["parts"]["tokens"]["base_model"]) > 10
    assert json.loads(header["prompt"])[erased.id]["class_type"] == "ReceIterate", "what the host writes is there too"

    loader = ModelGraph("CheckpointLoaderSimple", ckpt_name="erased_00001_.safetensors")
    picture = loader.sample()
    again = see(client.run(loader), picture)
    assert difference(again, see(result, drawn)) <= ROUNDING
    assert difference(again, see(result, original)) >= CLEAR


def test_the_stock_saver_says_it_by_the_graph(client: Client, server: Server) -> None:
    """What was erased onto what, and the widgets, are in the prompt that the host embeds."""
    graph = ModelGraph()
    concepts = graph.concepts()
    erased = graph.iterate(concepts=concepts)
    graph.add("CheckpointSave", model=erased[0], clip=graph.clip, vae=graph.vae, filename_prefix="stock")
    client.run(graph)
    header = read_header(server.output / "stock_00001_.safetensors")
    prompt = json.loads(header["prompt"])
    assert prompt[concepts.node]["inputs"]["targets"] == TARGETS
    assert prompt[erased.id]["inputs"]["epochs"] == 1
    assert "rece" not in header, "control for the test above"


def test_a_disk_too_small(client: Client, server: Server, mount_small_disk: Callable[[Path], None]) -> None:
    disk = server.output / "rece_erasures" / "small"
    mount_small_disk(disk)
    graph = ModelGraph()
    erased = graph.iterate()
    graph.add("ReceSaveErasure", erasure=erased[1], filename_prefix="small/fits")
    client.run(graph)  # control: what fits is written
    assert [file.name for file in disk.iterdir()] == ["fits_00001_.safetensors"]
    save(graph, erased, filename_prefix="rece_erasures/small/erased")
    with pytest.raises(NodeFailed, match=r"the file needs .* MB, but the disk of .* MB left. Nothing was written"):
        client.run(graph)
    assert [file.name for file in disk.iterdir()] == ["fits_00001_.safetensors"]
    require_alive(client)
