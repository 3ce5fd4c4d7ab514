"""The shapes model with circles erased by the nodes' defaults, and what is asked of it and of the original."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from demo.graphs import PIXELS, Sampling, add_sampler
from demo.judge import classify, load_judge
from harness.client import Result
from harness.graph import Node, Output
from harness.widgets import read_defaults
from tests.host.graphs import ModelGraph

COUNT = 8
SAMPLING = Sampling(10, 5.0, "normal")
CIRCLE = "a red circle"
TARGETS = "circle, disc, dot, ball => square"


@dataclass(frozen=True)
class Asked:
    """What one picture is drawn from: MODEL, CONDITIONING, and the CLIP that encoded it."""

    model: Output
    positive: Output
    negative: Output
    clip: Output


class Scene(ModelGraph):
    """A graph with the shapes model, and with circles erased from it: the same in every way of prompting."""

    def __init__(self, object_info: Mapping[str, Any]) -> None:
        super().__init__(model="shapes")
        self.object_info = object_info
        erased = self.forget()
        self.erased, self.erasure = erased[0], erased[1]

    def forget(self, model: Output | None = None, clip: Output | None = None) -> Node:
        """RECE Iterate at its defaults: MODEL, ERASURE, report."""
        words = {**read_defaults(self.object_info["ReceConcepts"]), "kind": "custom", "targets": TARGETS}
        return self.add(
            "ReceIterate",
            model=model or self.model,
            clip=clip or self.clip,
            concepts=self.add("ReceConcepts", **words)[0],
            **read_defaults(self.object_info["ReceIterate"]),
        )

    def say(self, text: str, clip: Output | None = None) -> Output:
        """CONDITIONING of a text, by another CLIP where one is given."""
        return self.add("CLIPTextEncode", clip=clip or self.clip, text=text)[0]

    def ask(
        self,
        model: Output,
        positive: Output | str = CIRCLE,
        negative: Output | str = "",
        clip: Output | None = None,
    ) -> Asked:
        """What is drawn from a model and prompts, which may be texts."""
        wanted, unwanted = (self.say(each, clip) if isinstance(each, str) else each for each in (positive, negative))
        return Asked(model, wanted, unwanted, clip or self.clip)

    def draw(self, asked: Asked) -> Node:
        """COUNT pictures, from the same noise each time."""
        latent = self.add("EmptyLatentImage", width=PIXELS, height=PIXELS, batch_size=COUNT)[0]
        sampled = add_sampler(self, asked.model, asked.positive, asked.negative, latent, 1, SAMPLING)
        return self.add("PreviewImage", images=self.add("VAEDecode", samples=sampled, vae=self.vae)[0])

    def report(self, asked: Asked) -> Node:
        """What RECE Report says of the model that draws and of the CLIP that encodes the prompts."""
        inputs = {"model": self.model, "clip": asked.clip, "edited_model": asked.model, "erasure": self.erasure}
        return self.add("PreviewAny", source=self.add("ReceReport", **inputs)[1])


def count_shapes(result: Result, node: Node) -> Counter[str]:
    """How many of the pictures show each shape, as the judge sees them."""
    stack = torch.from_numpy(np.stack(result.images(node))[..., :3]).float() / 255
    return Counter(verdict.shape for verdict in classify(load_judge(), stack))
