"""The graphs of the host tests: a small model, erased or not, and a few steps of the stock sampler."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from demo.graphs import EDIT
from demo.graphs import ITERATE as WIDGETS
from harness.client import Client, Result
from harness.graph import Graph, Node, Output
from harness.server import device_arguments

TARGET = "a red circle"
TARGETS = f"{TARGET} => a blue square"
ON_CPU = "--cpu" in device_arguments()
# Of 255: what the order of sums and one rounding of weights may change in a picture; a GPU draws in float16 and TF32.
ROUNDING = 2 if ON_CPU else 8
CLEAR = 30 if ON_CPU else 20  # of 255: a difference that anybody can see

TEXTS = {
    "kind": "custom",
    "targets": TARGETS,
    "default_anchor": "",
    "preserve": "",
    "phrasings": "as typed",
    "captions": "everyday captions",
}
ITERATE = {**WIDGETS, "epochs": 1}

Picture = npt.NDArray[np.uint8]


class ModelGraph(Graph):
    """A graph that begins with a node whose outputs are MODEL, CLIP and VAE: the demo model's unless told."""

    def __init__(self, loader: str = "ReceDemoModel", **inputs: Any) -> None:
        super().__init__()
        self.loader = self.add(loader, **inputs)
        self.model, self.clip, self.vae = (self.loader[slot] for slot in range(3))

    def encode(self, text: str) -> Output:
        """CONDITIONING of a text."""
        return self.add("CLIPTextEncode", clip=self.clip, text=text)[0]

    def concepts(self, targets: str = TARGETS, **changes: Any) -> Output:
        """CONCEPTS, each target as it is typed, nothing preserved."""
        return self.add("ReceConcepts", **{**TEXTS, "targets": targets, **changes})[0]

    def iterate(self, model: Output | None = None, concepts: Output | None = None, **changes: Any) -> Node:
        """RECE Iterate, one epoch: MODEL, ERASURE, report."""
        inputs = {"model": model or self.model, "clip": self.clip, "concepts": concepts or self.concepts()}
        return self.add("ReceIterate", **{**inputs, **ITERATE, **changes})

    def edit(self, **changes: Any) -> Node:
        """RECE Edit Model: MODEL, ERASURE."""
        inputs = {"model": self.model, "clip": self.clip, "concepts": self.concepts()}
        return self.add("ReceEditModel", **{**inputs, **EDIT, **changes})

    def derive(self, edited: Output, target: str = TARGET, **changes: Any) -> Node:
        """RECE Derive Embedding: CONDITIONING, measures, recoverable, norm ratio."""
        inputs = {"model": self.model, "edited_model": edited, "clip": self.clip, "target": target}
        return self.add(
            "ReceDeriveEmbedding",
            **{**inputs, "anchor": "a blue square", "derivation_ridge": 0.1, "ridge_scale": "auto", **changes},
        )

    def lora(self, file: str, model: Output | None = None) -> Output:
        """MODEL with a LoRA of the host's folder."""
        return self.add("LoraLoaderModelOnly", model=model or self.model, lora_name=file, strength_model=1.0)[0]

    def sample(
        self,
        model: Output | None = None,
        positive: Output | None = None,
        negative: Output | None = None,
        *,
        steps: int = 5,
        pixels: int = 128,
    ) -> Node:
        """A previewed picture of the target (or of `positive`): same seed, same size, each time."""
        sampled = self.add(
            "KSampler",
            model=model or self.model,
            seed=7,
            steps=steps,
            cfg=5.0,
            sampler_name="euler",
            scheduler="normal",
            positive=positive or self.encode(TARGET),
            negative=negative or self.encode(""),
            latent_image=self.add("EmptyLatentImage", width=pixels, height=pixels, batch_size=1)[0],
            denoise=1.0,
        )
        return self.add("PreviewImage", images=self.add("VAEDecode", samples=sampled[0], vae=self.vae)[0])

    def show(self, output: Output) -> Node:
        """Any value as text."""
        return self.add("PreviewAny", source=output)

    def hash(self, model: Output | None = None, run: int = 0) -> Node:
        """The hashes of a model's weights, for `read_hashes`."""
        return self.add("ProbeHashModel", model=model or self.model, run=run)


def see(result: Result, node: Node) -> Picture:
    """The one picture of a node."""
    (picture,) = result.images(node)
    return picture


def read_hashes(result: Result, node: Node) -> tuple[str, str]:
    """Hash of the stored weights and of the weights with their patches."""
    stored, effective = result.text(node)[0].split()
    return stored, effective


def read_progress(messages: list[tuple[str, Mapping[str, Any]]], node: str) -> list[tuple[float, float]]:
    """(value, max) of each message on the progress of a node."""
    return [(data["value"], data["max"]) for kind, data in messages if kind == "progress" and data["node"] == node]


def require_same(one: Picture, other: Picture) -> None:
    """To the bit on a CPU; but for rounding on a GPU, which may choose other kernels from one run to the next."""
    if ON_CPU:
        np.testing.assert_array_equal(one, other)
    else:
        assert difference(one, other) <= ROUNDING


def difference(first: Picture, second: Picture) -> int:
    """The largest difference of two pictures in any pixel and channel, of 255."""
    return int(np.abs(first.astype(int) - second.astype(int)).max())


def require_alive(client: Client) -> None:
    """The queue is empty and works on."""
    assert client.queue_state() == ([], [])
    graph = Graph()
    image = graph.add("EmptyImage", width=8, height=8, batch_size=1, color=0)
    graph.add("PreviewImage", images=image[0])
    assert client.run(graph).images()


@contextmanager
def unharmed(client: Client) -> Iterator[None]:
    """What happens inside leaves the demo model as it was, the very object, and the queue works on."""
    plain = ModelGraph()
    hashed = plain.hash()
    before = read_hashes(client.run(plain), hashed)
    yield
    again = ModelGraph()
    hashed = again.hash(run=1)
    result = client.run(again)
    assert again.loader.id in result.cached(), "the model must be the very object that was given to the node"
    assert read_hashes(result, hashed) == before
    require_alive(client)
