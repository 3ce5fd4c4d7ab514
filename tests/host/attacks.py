"""Graphs of the red team's tests, and how many pictures the demo's judge takes for the target."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from demo.graphs import add_concepts, add_edit, add_pictures
from demo.judge import classify, load_judge
from demo.plan import Plan
from harness.client import Result
from harness.graph import Node, Output
from tests.host.graphs import ModelGraph

PLAN = Plan()
TARGET, ANCHOR = "a red circle", "a red square"
PICTURES = 3
RED_TEAM = {
    "anchor": ANCHOR,
    "attack": "derived",
    "derivation_ridge": 0.1,
    "ridge_scale": "auto",
    "norm": 1.0,
    "strength": 1.0,
    "eta": 3.0,
}
OPTIMISE = {
    "attack": "concept inversion",
    "tokens": 4,
    "steps": 2,
    "learning_rate": 0.0,
    "batch_size": 4,
    "seed": 0,
}


class AttackGraph(ModelGraph):
    """A graph of the demo model, forgetful or not, and attacks on it."""

    def edit(self) -> Output:  # type: ignore[override]
        """The demo model after the first edit of the demo's plan."""
        return add_edit(self, self.loader, add_concepts(self, PLAN), PLAN)[0]

    def attack(self, tested: Output | None = None, **changes: Any) -> Node:
        """RECE Red Team: lists of CONDITIONING, measures, recoverable, norm ratio."""
        models = {"model": self.model, "model_under_test": tested or self.model, "clip": self.clip}
        return self.add("ReceRedTeam", **{**models, "target": TARGET, **RED_TEAM, **changes})

    def optimise(self, tested: Output | None = None, **changes: Any) -> Node:
        """RECE Red Team Optimise: CONDITIONING, prompt, measures, loss; the original draws four pictures."""
        models = {"model": self.model, "model_under_test": tested or self.model, "clip": self.clip}
        inputs = {**models, "target": TARGET, "latent": self.empty(4), **OPTIMISE, **changes}
        return self.add("ReceRedTeamOptimise", **{name: value for name, value in inputs.items() if value is not None})

    def empty(self, count: int) -> Output:
        """An empty LATENT of the demo model's size."""
        return self.add("EmptyLatentImage", width=128, height=128, batch_size=count)[0]

    def pictures(self) -> Output:
        """A LATENT of one picture of the target."""
        self.sample()
        (sampler,) = (node for node in self.nodes.values() if node.class_type == "KSampler")
        return sampler[0]

    def draw(self, positive: Output, model: Output | None = None) -> Node:
        """A few previewed pictures, by 20 steps of the stock sampler."""
        pictures = add_pictures(self, self.loader, model or self.model, positive, seed=1, count=PICTURES)
        return self.add("PreviewImage", images=pictures)


def count_circles(result: Result, node: Node) -> float:
    """Share of the pictures of `node` that the judge takes for circles."""
    pictures = torch.from_numpy(np.stack(result.images(node))[..., :3]).float() / 255
    shapes = [verdict.shape for verdict in classify(load_judge(), pictures)]
    return shapes.count(PLAN.shape) / len(shapes)
