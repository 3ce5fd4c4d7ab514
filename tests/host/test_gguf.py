"""GGUF models in every usual quantisation: read, erased, drawn and saved beside the unquantised one.

They are loaded by ComfyUI-GGUF where RECE_GGUF_PACK names its folder, else by a reader of these tests with the same
interface; each test's name says by which.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from demo.graphs import PIXELS, add_prompt, add_sampler
from emoji.compact import WEIGHTS
from emoji.judge import classify, load_judge, name_answer
from emoji.show import SAMPLINGS, collect
from emoji.world import load_concepts
from harness.client import Client, Result
from harness.environment import ROOT, Host
from harness.graph import Graph, Node, Output
from harness.server import PACK_NAME, Server
from tests.host.gguf_files import QUANTISATIONS, read_transformer, write_gguf
from tests.host.graphs import CLEAR, ON_CPU, ROUNDING, Picture, difference, require_same
from tests.host.refusals import refuse

HERE = Path(__file__).parent
FOUND = os.environ.get("RECE_GGUF_PACK")
PACK = Path(FOUND).absolute() if FOUND else HERE / "gguf_pack"
TARGET, ANCHOR = "rocket", "airplane"
PREFIX = "of a gguf"

OFTEN = ("F16", "Q8_0", "Q4_K_M")  # of the pictures; the numbers of all are tested
pytestmark = pytest.mark.parametrize("reader", ["ComfyUI-GGUF" if FOUND else "own reader"])


@pytest.fixture(scope="module")
def found(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """What `read_gguf.py` found."""
    file: Path = tmp_path_factory.mktemp("gguf") / "found.json"
    subprocess.run([host.python, HERE / "read_gguf.py", host.folder, PACK, file], check=True)
    return json.loads(file.read_text("utf-8"))


@pytest.fixture(scope="module")
def gguf_server(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """ComfyUI with this pack, the one that loads GGUF files, and a file of each quantisation."""
    base = tmp_path_factory.mktemp("gguf_server")
    folder = base / "models" / "diffusion_models"
    folder.mkdir(parents=True)
    weights = read_transformer(WEIGHTS / "flux.safetensors")
    for name in QUANTISATIONS:
        write_gguf(folder / f"{name}.gguf", weights, name)
    with Server(host, base, packs={PACK_NAME: ROOT, "gguf_nodes": PACK}) as started:
        yield started


@pytest.fixture
def gguf_client(gguf_server: Server) -> Iterator[Client]:
    with Client(gguf_server.url) as connected:
        yield connected


class GgufGraph(Graph):
    """A graph that begins with the emoji transformer as it ships and as a GGUF file."""

    def __init__(self, quantisation: str) -> None:
        super().__init__()
        self.loaded = self.add("ReceDemoModel", model="emoji")
        self.whole, self.clip = self.loaded[0], self.loaded[1]
        self.model = self.add("UnetLoaderGGUF", unet_name=f"{quantisation}.gguf")[0]

    def erase(self, model: Output) -> Node:
        """RECE Iterate, one epoch."""
        concepts = self.add("ReceConcepts", kind="custom", targets=f"{TARGET} => {ANCHOR}")
        return self.add("ReceIterate", model=model, clip=self.clip, concepts=concepts[0], schedule="manual", epochs=1)

    def draw(self, model: Output, text: str = TARGET, *, again: bool = False) -> Node:
        """A picture; `again`: drawn once more, where the host would show the one it has."""
        latent = self.add("EmptyLatentImage", width=PIXELS, height=PIXELS, batch_size=1)[0]
        if again:
            latent = self.add("RepeatLatentBatch", samples=latent, amount=1)[0]
        texts = [add_prompt(self, self.loaded, each) for each in (text, "")]
        sampled = add_sampler(self, model, *texts, latent, 1, SAMPLINGS["emoji"])
        return self.add("PreviewImage", images=self.add("VAEDecode", samples=sampled, vae=self.loaded[2])[0])

    def save(self, erased: Node, **changes: Any) -> Node:
        """RECE Save Erasure of what was erased from the GGUF model."""
        return self.add("ReceSaveErasure", erasure=erased[1], filename_prefix=PREFIX, **changes)

    def apply(self, file: str) -> Node:
        """RECE Apply Erasure of a file to the GGUF model."""
        stored = self.add("ReceLoadErasure", file=file)
        return self.add("ReceApplyErasure", model=self.model, clip=self.clip, erasure=stored[0])


def name_pictures(result: Result, nodes: list[Node]) -> list[str]:
    """What the judge sees in each."""
    verdicts = classify(load_judge(), torch.from_numpy(collect(result, nodes)).float() / 255)
    return [name_answer(best, load_concepts()) for best in verdicts.concepts[:, 0].tolist()]


def see(result: Result, node: Node) -> Picture:
    return result.images(node)[0][..., :3]


@pytest.fixture(scope="module")
def whole(gguf_server: Server) -> list[str]:
    """What the unquantised model draws where the target is asked for, before and after."""
    graph = GgufGraph("F16")
    nodes = [graph.draw(graph.whole), graph.draw(graph.erase(graph.whole)[0])]
    with Client(gguf_server.url) as client:
        return name_pictures(client.run(graph), nodes)


@pytest.mark.parametrize("quantisation", QUANTISATIONS)
def test_weights_are_read_as_the_layers_compute_with_them(
    found: Mapping[str, Any], reader: str, quantisation: str
) -> None:
    types = found["types"][quantisation]
    distances = types["distances"]
    assert types["family"] == "Flux.1" and types["shapes_right"]
    assert types["changed"] > 0.1, "control: the layers compute with the LoRA"
    # ComfyUI-GGUF dequantises in float16; the host puts a LoRA into what is stored in float16, and rounds it.
    allowed = {"file": 2e-3, "with a LoRA": 1e-3, "loaded": 1e-3} if quantisation == "F16" else {"file": 2e-3}
    assert {name: distance <= allowed.get(name, 1e-6) for name, distance in distances.items()} == dict.fromkeys(
        ("file", "fresh", "with a LoRA", "loaded", "without the LoRA", "again"), True
    ), distances


@pytest.mark.parametrize("quantisation", [name for name in QUANTISATIONS if name != "F16"])
def test_the_rounding_told_is_what_the_layers_add(found: Mapping[str, Any], reader: str, quantisation: str) -> None:
    types = found["types"][quantisation]
    assert types["rounding"] == pytest.approx(types["actual_rounding"], rel=1e-3)
    assert types["rounding"] > 1e-3, "in bfloat16 there is some"
    kind = quantisation.removesuffix("_M")
    assert types["said"].startswith(f"weights are stored as GGUF {kind}; to what those of GGUF stand for the edit is")
    assert "at each step, in bfloat16: rounding adds noise of 0.00" in types["said"]


def test_floats_of_a_gguf_file_are_rounded_as_the_host_does(found: Mapping[str, Any], reader: str) -> None:
    said = found["types"]["F16"]["said"]
    assert said == "weights are stored as float16: rounding them adds under 0.1% to the edit"


def test_what_can_not_be_is_told(found: Mapping[str, Any], reader: str) -> None:
    refused = found["refused"]
    assert "the second of them from a GGUF file" in refused["merged"]
    assert max(refused["merged first"].values()) <= 1e-6, "the way out that it names"
    assert "(GGUF Q8_0)" in refused["saved"] and "RECE Save Erasure" in refused["saved"]
    assert "stored as GGUF Q8_0 (GGMLTensor), which only the nodes" in refused["unknown layer"]


@pytest.mark.parametrize(
    "quantisation",
    [pytest.param(each, marks=[] if each in OFTEN else [pytest.mark.slow]) for each in QUANTISATIONS],
)
def test_erased_it_draws_the_anchor_as_the_unquantised_one_does(
    gguf_client: Client, whole: list[str], reader: str, quantisation: str
) -> None:
    graph = GgufGraph(quantisation)
    before = graph.draw(graph.model)
    first = see(gguf_client.run(graph), before)

    graph = GgufGraph(quantisation)
    erased = graph.erase(graph.model)
    report = graph.add("PreviewAny", source=erased[2])
    nodes = [graph.draw(graph.model), graph.draw(erased[0])]
    result = gguf_client.run(graph)
    assert name_pictures(result, nodes) == whole == [TARGET, ANCHOR]
    told = result.text(report)[0]
    stored = "float16" if quantisation == "F16" else f"GGUF {quantisation.removesuffix('_M')}"
    assert f"eights are stored as {stored}" in told, told

    graph = GgufGraph(quantisation)
    drawn = graph.draw(graph.model, again=True)
    result = gguf_client.run(graph)
    assert drawn.id not in result.cached(), "control: it was drawn again"
    require_same(see(result, drawn), first)


def test_files_saved_from_it_do_the_same_to_it(gguf_client: Client, reader: str) -> None:
    graph = GgufGraph("Q4_K_M")
    erased = graph.erase(graph.model)
    pictures = [graph.draw(graph.model), graph.draw(erased[0])]
    graph.save(erased)
    graph.save(erased, format="LoRA", model=graph.model)
    original, wanted = (see(gguf_client.run(graph), node) for node in pictures)
    assert difference(original, wanted) >= CLEAR, "control"

    graph = GgufGraph("Q4_K_M")
    applied = graph.apply(f"{PREFIX}_00001_.safetensors")
    lora = graph.add(
        "LoraLoaderModelOnly", model=graph.model, lora_name=f"{PREFIX}_00001_.safetensors", strength_model=1.0
    )
    drawn = [graph.draw(each[0]) for each in (applied, lora)]
    report = graph.add("PreviewAny", source=applied[1])
    result = gguf_client.run(graph)
    assert difference(see(result, drawn[0]), wanted) <= ROUNDING
    # The LoRA loses up to 0.1 % of what changes, and a step of the sampler makes more of it.
    assert np.abs(see(result, drawn[1]).astype(float) - wanted).mean() <= 1
    assert name_pictures(result, drawn) == [ANCHOR, ANCHOR]
    assert "GGUF Q4_K" in result.text(report)[0]


def test_what_was_made_on_the_unquantised_model_fits_it(gguf_client: Client, reader: str) -> None:
    graph = GgufGraph("Q8_0")
    erased = graph.erase(graph.whole)
    applied = graph.add("ReceApplyErasure", model=graph.model, clip=graph.clip, erasure=erased[1])
    report = graph.add("PreviewAny", source=applied[1])
    drawn = graph.draw(applied[0])
    result = gguf_client.run(graph)
    assert name_pictures(result, [drawn]) == [ANCHOR]
    assert "exact" in result.text(report)[0], result.text(report)[0]


def test_a_checkpoint_of_it_is_refused_before_anything_is_written(
    gguf_server: Server, gguf_client: Client, reader: str
) -> None:
    graph = GgufGraph("Q6_K")
    erased = graph.erase(graph.model)
    parts = {"model": erased[0], "clip": graph.clip, "vae": graph.loaded[2], "erasure": erased[1]}
    graph.add("ReceSaveCheckpoint", **parts, filename_prefix="checkpoints/refused")
    refuse(gguf_client, graph, r"as in its GGUF file \(GGUF Q6_K\).*RECE Save Erasure: as an operator")
    assert not list(gguf_server.output.rglob("refused*"))


def test_of_floats_it_is_a_checkpoint_as_of_any_model(gguf_server: Server, gguf_client: Client, reader: str) -> None:
    graph = GgufGraph("F16")
    erased = graph.erase(graph.model)
    parts = {"model": erased[0], "clip": graph.clip, "vae": graph.loaded[2], "erasure": erased[1]}
    graph.add("ReceSaveCheckpoint", **parts, filename_prefix="checkpoints/floats")
    drawn = graph.draw(erased[0])
    wanted = see(gguf_client.run(graph), drawn)

    graph = Graph()
    loaded = graph.add("CheckpointLoaderSimple", ckpt_name="floats_00001_.safetensors")
    latent = graph.add("EmptyLatentImage", width=PIXELS, height=PIXELS, batch_size=1)[0]
    texts = [add_prompt(graph, loaded, each) for each in (TARGET, "")]
    sampled = add_sampler(graph, loaded[0], *texts, latent, 1, SAMPLINGS["emoji"])
    node = graph.add("PreviewImage", images=graph.add("VAEDecode", samples=sampled, vae=loaded[2])[0])
    assert difference(see(gguf_client.run(graph), node), wanted) <= (ROUNDING if ON_CPU else CLEAR)
