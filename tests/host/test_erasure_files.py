"""Erasures kept as files: loaded and applied in part or in full; what is no good erasure is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from harness.client import Client, NodeFailed, PromptRejected
from harness.server import Server
from rece_core.storage.checksum import PLACEHOLDER
from tests.host.graphs import CLEAR, ROUNDING, ModelGraph, difference, require_alive, require_same, see
from tests.host.refusals import refuse

GOOD = "good/erasure_00001_.safetensors"


@pytest.fixture(scope="module")
def folder(server: Server) -> Path:
    """The folder of saved erasures, with one good file in it."""
    graph = ModelGraph()
    saved = graph.add("ReceSaveErasure", erasure=graph.iterate()[1], filename_prefix="good/erasure")
    with Client(server.url) as client:
        (told,) = client.run(graph).text(saved)
        assert GOOD in told
        assert "same text encoder; other programs can't load it" in told, "what it is and who can load it"
        assert "embeddings that somebody computes may bring it back" in told, "what it does not protect from"
    return server.output / "rece_erasures"


def test_strength_goes_from_nothing_to_all(client: Client, folder: Path) -> None:
    graph = ModelGraph()
    erasure = graph.add("ReceLoadErasure", file=GOOD)
    original, iterated = graph.sample(), graph.sample(graph.iterate()[0])
    none, half, all_of_it = (
        graph.sample(
            graph.add("ReceApplyErasure", model=graph.model, clip=graph.clip, erasure=erasure[0], strength=strength)[0]
        )
        for strength in (0.0, 0.5, 1.0)
    )
    result = client.run(graph)
    require_same(see(result, none), see(result, original))
    assert difference(see(result, all_of_it), see(result, iterated)) <= ROUNDING
    assert difference(see(result, half), see(result, original)) > ROUNDING
    assert difference(see(result, half), see(result, iterated)) > ROUNDING
    assert difference(see(result, original), see(result, iterated)) >= CLEAR
    report = result.text(erasure)[0]
    assert "a red circle => a blue square" in report
    assert "epoch 1" in report
    assert "Made by ComfyUI-RECE" in report
    assert "on a model of the family U-Net; fingerprint: tokens " in report


def truncate(good: Path, bad: Path) -> None:
    bad.write_bytes(good.read_bytes()[:-100])


def write_lora(good: Path, bad: Path) -> None:
    save_file({"some.lora_up.weight": torch.zeros(4, 2)}, bad, {"ss_network_dim": "2"})


def change(good: Path, bad: Path, shapes: dict[str, tuple[int, int]] | None = None, **header: str) -> None:
    with safe_open(good, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
        kept = {name: text for name, text in file.metadata().items() if name not in PLACEHOLDER}
        metadata = {**kept, **header}
    for side, shape in (shapes or {}).items():
        tensors[f"tokens/operator.{side}"] = torch.ones(shape, dtype=torch.float64)
    save_file(tensors, bad, metadata)


def unequal_shapes(good: Path, bad: Path) -> None:
    change(good, bad, {"left": (128, 3), "right": (64, 3)})


def other_width(good: Path, bad: Path) -> None:
    change(good, bad, {"left": (64, 3), "right": (64, 3)})


def newer_version(good: Path, bad: Path) -> None:
    change(good, bad, format_version="3")


def damaged_header(good: Path, bad: Path) -> None:
    change(good, bad, parts=json.dumps({"tokens": {"settings": {"edit": {}}}}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (truncate, r"ReceLoadErasure .*bad\.safetensors is not a complete safetensors file .* get it again"),
        (write_lora, r"bad\.safetensors is not an erasure: .*expected 'rece-erasure'.*RECE Save Erasure"),
        (unequal_shapes, r"factors have shapes \(128, 3\) and \(64, 3\); expected two equal"),
        (other_width, r"width 64, this model of the family 'U-Net' reads width 128 .*Use a model of the family"),
        (newer_version, r"bad\.safetensors has version 3 .* reads up to 2\. Update ComfyUI-RECE"),
        (damaged_header, r"bad\.safetensors calls itself an erasure, but its header is damaged .*Save the erasure"),
    ],
)
def test_a_bad_file_is_refused(
    client: Client, server: Server, folder: Path, spoil: Callable[[Path, Path], None], message: str
) -> None:
    bad = server.base / "models" / "rece_erasures" / "bad.safetensors"
    bad.parent.mkdir(exist_ok=True)
    spoil(folder / GOOD, bad)
    graph = ModelGraph()
    erasure = graph.add("ReceLoadErasure", file=bad.name)
    applied = graph.add("ReceApplyErasure", model=graph.model, clip=graph.clip, erasure=erasure[0], strength=1.0)
    graph.hash(applied[0])
    try:
        with pytest.raises(NodeFailed, match=message):
            client.run(graph)
    finally:
        bad.unlink()
    require_alive(client)


def test_a_file_that_is_not_there_is_refused(client: Client) -> None:
    graph = ModelGraph()
    graph.show(graph.add("ReceLoadErasure", file="no such.safetensors")[1])
    # ComfyUI 0.3.75 does not check choices before it runs a node, newer ones do.
    with pytest.raises((NodeFailed, PromptRejected), match=r"no such\.safetensors"):
        client.run(graph)


def test_an_erasure_for_another_text_encoder_is_refused(client: Client, folder: Path) -> None:
    graph = ModelGraph()
    erasure = graph.add("ReceLoadErasure", file=GOOD)
    other = graph.add("CLIPSetLastLayer", clip=graph.clip, stop_at_clip_layer=-2)
    graph.hash(graph.add("ReceApplyErasure", model=graph.model, clip=other[0], erasure=erasure[0], strength=1.0)[0])
    refuse(client, graph, "made for another text encoder.*Use the checkpoint family")


@pytest.mark.parametrize("name", ["../x", "a/../../x", "..\\x", "C:\\x", "/x", "{base}/x", "  "])
def test_a_name_outside_the_output_folder_is_refused(client: Client, server: Server, name: str) -> None:
    graph = ModelGraph()
    erasure = graph.iterate()
    given = name.format(base=server.base.parent.as_posix())
    graph.add("ReceSaveErasure", erasure=erasure[1], filename_prefix=given)
    around = list_files(server.base.parent)
    with pytest.raises(NodeFailed, match=r"file name '.*' would lie outside output/rece_erasures\. Expected a plain"):
        client.run(graph)
    assert list_files(server.base.parent) == around
    require_alive(client)


def test_a_saved_file_gets_a_new_number(client: Client, server: Server, folder: Path) -> None:
    before = (folder / GOOD).read_bytes()
    graph = ModelGraph()
    graph.add("ReceSaveErasure", erasure=graph.iterate(epochs=2)[1], filename_prefix="good/erasure")
    client.run(graph)
    assert (folder / GOOD).read_bytes() == before
    assert (folder / GOOD.replace("1_", "2_")).is_file()


def test_a_folder_deleted_while_the_host_runs_does_no_harm(client: Client, server: Server) -> None:
    graph = ModelGraph()
    graph.add("ReceSaveErasure", erasure=graph.iterate()[1], filename_prefix="deleted/erasure")
    client.run(graph)
    name = "deleted/erasure_00001_.safetensors"
    assert name in list_choices(client)
    shutil.rmtree(server.output / "rece_erasures" / "deleted")
    assert name not in list_choices(client)


def list_choices(client: Client) -> list[str]:
    kind, options = client.get("/object_info/ReceLoadErasure")["ReceLoadErasure"]["input"]["required"]["file"]
    return options["options"] if kind == "COMBO" else kind


def list_files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*.safetensors*") if "custom_nodes" not in path.parts}
