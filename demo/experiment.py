"""The demo's experiment: erase a concept in a running ComfyUI, sample before and after, and let the judge count.

Every picture comes out of the stock KSampler of the host; this file only writes graphs and reads verdicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from harness.client import Client
from harness.graph import Graph, Node, Output

from .graphs import add_concepts, add_derived, add_iterate, add_pictures, add_prompt
from .judge import Judge, Verdict, classify
from .plan import Plan
from .world import SHAPES


@dataclass(frozen=True)
class Cell:
    """Pictures of one question at one stage, (n, 128, 128, 3) uint8, and how many the judge said yes to."""

    pictures: np.ndarray
    hits: int

    @property
    def count(self) -> int:
        """n."""
        return len(self.pictures)


class Experiment:
    """Runs graphs on one server and judges what they draw."""

    def __init__(self, client: Client, judge: Judge, plan: Plan, per_prompt: int, seed: int) -> None:
        self.client, self.judge, self.plan = client, judge, plan
        self.per_prompt, self.seed = per_prompt, seed

    def ask(self, epochs: int | None) -> dict[str, Cell]:
        """Every question of the plan to the model after `epochs` epochs; None is the original model."""
        graph = Graph()
        demo = graph.add("ReceDemoModel", model="shapes")
        model = self._model_after(graph, demo, epochs)
        questions = self.plan.prompts()
        nodes = {
            heading: [self._show(graph, demo, model, add_prompt(graph, demo, prompt)) for prompt in prompts]
            for heading, prompts in questions.items()
        }
        result = self.client.run(graph)
        return {
            heading: self._judge([picture for node in nodes[heading] for picture in result.images(node)], prompts)
            for heading, prompts in questions.items()
        }

    def attack(self, derived_from: int | None, sampled_with: int | None) -> Cell:
        """Sample, with the model after `sampled_with` epochs, embeddings derived from the one after `derived_from`."""
        graph = Graph()
        demo = graph.add("ReceDemoModel", model="shapes")
        looked_into = self._model_after(graph, demo, derived_from)
        model = looked_into if derived_from == sampled_with else self._model_after(graph, demo, sampled_with)
        prompts = self.plan.prompts()[f"{self.plan.shape} by name"]
        nodes = [
            self._show(graph, demo, model, add_derived(graph, demo, looked_into, prompt, self.plan)[0])
            for prompt in prompts
        ]
        result = self.client.run(graph)
        return self._judge([picture for node in nodes for picture in result.images(node)], prompts)

    def _model_after(self, graph: Graph, demo: Node, epochs: int | None) -> Output:
        if epochs is None:
            return demo[0]
        concepts = add_concepts(graph, self.plan)
        return add_iterate(graph, demo, concepts, self.plan, epochs)[0]

    def _show(self, graph: Graph, demo: Node, model: Output, positive: Output) -> Node:
        pictures = add_pictures(graph, demo, model, positive, self.seed, self.per_prompt)
        return graph.add("PreviewImage", images=pictures)

    def _judge(self, pictures: Sequence[np.ndarray], prompts: Sequence[str]) -> Cell:
        stack = np.stack(pictures)[..., :3]
        verdicts = classify(self.judge, torch.from_numpy(stack).float() / 255)
        asked = [prompt for prompt in prompts for _ in range(self.per_prompt)]
        return Cell(stack, sum(map(self._shows, verdicts, asked)))

    def _shows(self, verdict: Verdict, prompt: str) -> bool:
        named = next((shape for shape in SHAPES if shape in prompt), self.plan.shape)
        return verdict.shape == named
