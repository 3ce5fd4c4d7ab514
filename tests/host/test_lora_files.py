"""LoRA files in a ComfyUI without the pack: its own loaders read every key, and draw what the patched model draws."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from harness.client import Client, PromptRejected
from harness.environment import ROOT
from harness.server import Server
from tests.host.graphs import CLEAR, ROUNDING, TARGETS, ModelGraph, Picture, difference, require_alive, see
from tests.host.refusals import refuse

ORIGINAL, ERASED = "demo.safetensors", "erased_for_lora_00001_.safetensors"
# Widgets of RECE Iterate: what each adds to the file.
KINDS: dict[str, dict[str, Any]] = {
    "operator": {},
    "sealed": {"seal": 1.0, "mode": "prior"},
    "rotated": {"mode": "orthogonal", "epochs": 0},
}
NOT_LOADED = "lora key not loaded"


@dataclass
class Saved:
    """The base folder with the files; pictures of the original and of each erased model; what each node said."""

    base: Path
    original: Picture
    erased: Mapping[str, Picture]
    told: Mapping[str, str]

    def path(self, kind: str) -> Path:
        return self.base / "models" / "loras" / "kept" / f"{kind}_00001_.safetensors"


@pytest.fixture(scope="module")
def saved(server: Server, bare_server: Server) -> Saved:
    """Erased by `server`; the files are where `bare_server` reads."""
    graph = ModelGraph()
    original = graph.sample()
    erased = {kind: graph.iterate(**widgets) for kind, widgets in KINDS.items()}
    drawn = {kind: graph.sample(node[0]) for kind, node in erased.items()}
    nodes = {
        kind: save(graph, node[1], model=graph.model, filename_prefix=f"kept/{kind}") for kind, node in erased.items()
    }
    whole = {"model": erased["operator"][0], "clip": graph.clip, "vae": graph.vae}
    graph.add("CheckpointSave", **whole, filename_prefix="erased_for_lora")
    with Client(server.url) as client:
        result = client.run(graph)
    base = bare_server.base
    shutil.copy(ROOT / "demo" / "weights" / ORIGINAL, base / "models" / "checkpoints")
    shutil.move(server.output / ERASED, base / "models" / "checkpoints")
    shutil.move(server.output / "loras" / "kept", base / "models" / "loras" / "kept")
    pictures = {kind: see(result, node) for kind, node in drawn.items()}
    return Saved(base, see(result, original), pictures, {kind: result.text(node)[0] for kind, node in nodes.items()})


@pytest.fixture(scope="module")
def damaged(saved: Saved) -> str:
    """A file of which one key has another name."""
    path = saved.path("operator")
    tensors = load_file(path)
    name = next(name for name in tensors if name.endswith("lora_up.weight"))
    tensors[name.replace("attn2", "attn3")] = tensors.pop(name)
    save_file(tensors, path.with_name("damaged.safetensors"))
    return "kept/damaged.safetensors"


def save(graph: ModelGraph, erasure: Any, **inputs: Any) -> Any:
    return graph.add("ReceSaveErasure", **{"erasure": erasure, "filename_prefix": "lora", "format": "LoRA", **inputs})


def draw(server: Server, lora: str, strength: float = 1.0, checkpoint: str = ORIGINAL, clip: bool = False) -> Picture:
    """The picture with a LoRA, loaded by the host's own node with or without the CLIP."""
    graph = ModelGraph("CheckpointLoaderSimple", ckpt_name=checkpoint)
    inputs = {"model": graph.model, "lora_name": lora, "strength_model": strength}
    if clip:
        loaded = graph.add("LoraLoader", **inputs, clip=graph.clip, strength_clip=1.0)
        graph.clip = loaded[1]
    else:
        loaded = graph.add("LoraLoaderModelOnly", **inputs)
    sampled = graph.sample(loaded[0])
    with Client(server.url) as client:
        return see(client.run(graph), sampled)


@pytest.mark.parametrize("clip", [False, True], ids=["LoraLoaderModelOnly", "LoraLoader"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_stock_loaders_draw_the_same(saved: Saved, bare_server: Server, kind: str, clip: bool) -> None:
    before = bare_server.log_text().count(NOT_LOADED)
    picture = draw(bare_server, f"kept/{kind}_00001_.safetensors", clip=clip)
    assert difference(picture, saved.erased[kind]) <= ROUNDING
    assert difference(saved.original, saved.erased[kind]) >= CLEAR, "control: without the file it draws something else"
    assert bare_server.log_text().count(NOT_LOADED) == before


def test_a_key_of_another_name_is_reported(saved: Saved, bare_server: Server, damaged: str) -> None:
    """The control for all others: the host tells what it did not load."""
    before = bare_server.log_text().count(NOT_LOADED)
    draw(bare_server, damaged)
    assert bare_server.log_text().count(NOT_LOADED) > before


def test_what_was_saved_can_be_subtracted_from_the_checkpoint(saved: Saved, bare_server: Server) -> None:
    lora = "kept/operator_00001_.safetensors"
    assert difference(draw(bare_server, lora, 0.0, ERASED), saved.erased["operator"]) <= ROUNDING, "control"
    assert difference(draw(bare_server, lora, -1.0, ERASED), saved.original) <= ROUNDING


def test_what_the_node_and_the_file_say(saved: Saved) -> None:
    assert "rank" in saved.told["operator"]
    assert "biases" not in saved.told["operator"]
    assert "biases" in saved.told["sealed"]
    assert [kind for kind, text in saved.told.items() if "read by ComfyUI and Forge alone" in text] == ["sealed"]
    for kind in KINDS:
        with safe_open(saved.path(kind), framework="pt") as file:
            header = file.metadata()
        assert header["erased"] == TARGETS
        assert header["made_by"].startswith("ComfyUI-RECE ")
        assert json.loads(header["parts"])["tokens"]["base_model"]
        assert header["stored_as"].removeprefix("LoRA, ") in saved.told[kind]


def test_a_chosen_rank_and_names_for_diffusers(client: Client, server: Server) -> None:
    graph = ModelGraph()
    erasure = graph.iterate(seal=1.0)[1]
    small = save(graph, erasure, model=graph.model, filename_prefix="small", rank=2)
    named = save(graph, erasure, model=graph.model, filename_prefix="named", format="LoRA for diffusers")
    result = client.run(graph)
    assert "rank 2," in result.text(small)[0]
    tensors = load_file(server.output / "loras" / "small_00001_.safetensors")
    assert {len(tensor) for name, tensor in tensors.items() if name.endswith("lora_down.weight")} == {2}
    names = load_file(server.output / "loras" / "named_00001_.safetensors")
    assert "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_out.0.lora_B.bias" in names
    assert "named_00001_.safetensors" in result.text(named)[0]


def test_a_lora_without_the_model(client: Client) -> None:
    graph = ModelGraph()
    save(graph, graph.iterate()[1])
    refuse(
        client,
        graph,
        r"none is connected. Connect to 'model' the MODEL that went into .* or choose the format 'operator'",
    )


def test_a_lora_of_the_erased_model(client: Client) -> None:
    graph = ModelGraph()
    erased = graph.iterate()
    save(graph, erased[1], model=erased[0])
    refuse(client, graph, "not the model that the erasure was made on.*not the erased one")


def test_a_rank_above_the_width(client: Client) -> None:
    graph = ModelGraph()
    save(graph, graph.iterate()[1], model=graph.model, rank=129)
    refuse(client, graph, "rank is 129; expected 1 to 128, the width of the text embedding, or 0")


def test_a_rank_below_zero(client: Client) -> None:
    graph = ModelGraph()
    save(graph, graph.edit()[1], model=graph.model, rank=-1)
    with pytest.raises(PromptRejected, match="rank"):
        client.run(graph)
    require_alive(client)


def test_a_name_outside_the_folder(client: Client) -> None:
    graph = ModelGraph()
    save(graph, graph.iterate()[1], model=graph.model, filename_prefix="../elsewhere")
    refuse(client, graph, r"'../elsewhere' would lie outside output/loras")
