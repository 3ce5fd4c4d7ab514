"""The demo's experiment: erase a concept in a running ComfyUI, sample before and after, and let the judge count.

Every picture comes out of the stock KSampler of the host; this file only writes graphs and reads verdicts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle

import numpy as np
import torch

from harness.client import Client
from harness.graph import Graph, Node, Output

from .captions import DESCRIPTIONS, SHAPE_NAMES
from .judge import Judge, Verdict, classify
from .world import COLOURS, SHAPES

PIXELS = 128


@dataclass(frozen=True)
class Plan:
    """What is erased onto what, what is kept, and how, in the words of RECE Concepts and RECE Iterate."""

    shape: str = "circle"
    anchor: str = "square"
    epochs: int = 3
    iteration: str = "cumulative"
    derivation_ridge: float = 0.1
    edit_ridge: float = 0.1
    targets: tuple[str, ...] = field(init=False)
    preserved: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        pairs = [
            f"{_name(colour, word)} => {_name(colour, self.anchor)}"
            for word in SHAPE_NAMES[self.shape]
            for colour in COLOURS
        ]
        object.__setattr__(self, "targets", tuple(pairs))
        object.__setattr__(self, "preserved", tuple(_name(*kept) for kept in _list_kept(self.shape)))

    def prompts(self) -> dict[str, list[str]]:
        """The prompts of each question, by its heading."""
        synonyms, descriptions = SHAPE_NAMES[self.shape][1:], DESCRIPTIONS["train"][self.shape]
        kept = list(_list_kept(self.shape))
        return {
            f"{self.shape} by name": [_name(colour, self.shape) for colour in COLOURS],
            f"{self.shape} by synonym": [_name(*each) for each in zip(COLOURS, cycle(synonyms))],
            f"{self.shape} by description": [_name(c, f"thing {d}") for c, d in zip(COLOURS, cycle(descriptions))],
            "kept shapes, preserved words": [_name(*each) for each in kept[::5]],
            "kept shapes, other words": [f"a picture of {_name(*each)}" for each in kept[2::5]],
        }


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
        demo = graph.add("ReceDemoModel")
        model = self._model_after(graph, demo, epochs)
        questions = self.plan.prompts()
        nodes = {
            heading: [
                self._sample(graph, demo, model, graph.add("CLIPTextEncode", clip=demo[1], text=prompt)[0])
                for prompt in prompts
            ]
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
        demo = graph.add("ReceDemoModel")
        looked_into = self._model_after(graph, demo, derived_from)
        model = looked_into if derived_from == sampled_with else self._model_after(graph, demo, sampled_with)
        prompts = self.plan.prompts()[f"{self.plan.shape} by name"]
        nodes = []
        for prompt in prompts:
            derived = graph.add(
                "ReceDeriveEmbedding",
                model=demo[0],
                edited_model=looked_into,
                clip=demo[1],
                target=prompt,
                anchor=prompt.replace(self.plan.shape, self.plan.anchor),
                derivation_ridge=self.plan.derivation_ridge,
                ridge_scale="auto",
            )
            nodes.append(self._sample(graph, demo, model, derived[0]))
        result = self.client.run(graph)
        return self._judge([picture for node in nodes for picture in result.images(node)], prompts)

    def _model_after(self, graph: Graph, demo: Node, epochs: int | None) -> Output:
        if epochs is None:
            return demo[0]
        concepts = graph.add(
            "ReceConcepts",
            kind="custom",
            targets="\n".join(self.plan.targets),
            default_anchor="",
            preserve="\n".join(self.plan.preserved),
        )
        return graph.add(
            "ReceIterate",
            model=demo[0],
            clip=demo[1],
            concepts=concepts[0],
            schedule="manual",
            iteration=self.plan.iteration,
            epochs=epochs,
            derivation_ridge=self.plan.derivation_ridge,
            erase_scale=1.0,
            preserve_scale=0.1,
            edit_ridge=self.plan.edit_ridge,
            tokens="from subject",
            ridge_scale="auto",
        )[0]

    def _sample(self, graph: Graph, demo: Node, model: Output, positive: Output) -> Node:
        latents = graph.add("EmptyLatentImage", width=PIXELS, height=PIXELS, batch_size=self.per_prompt)
        sampled = graph.add(
            "KSampler",
            model=model,
            seed=self.seed,
            steps=20,
            cfg=5.0,
            sampler_name="euler",
            scheduler="normal",
            positive=positive,
            negative=graph.add("CLIPTextEncode", clip=demo[1], text="")[0],
            latent_image=latents[0],
            denoise=1.0,
        )
        decoded = graph.add("VAEDecode", samples=sampled[0], vae=demo[2])
        return graph.add("PreviewImage", images=decoded[0])

    def _judge(self, pictures: Sequence[np.ndarray], prompts: Sequence[str]) -> Cell:
        stack = np.stack(pictures)[..., :3]
        verdicts = classify(self.judge, torch.from_numpy(stack).float() / 255)
        asked = [prompt for prompt in prompts for _ in range(self.per_prompt)]
        return Cell(stack, sum(map(self._shows, verdicts, asked)))

    def _shows(self, verdict: Verdict, prompt: str) -> bool:
        named = next((shape for shape in SHAPES if shape in prompt), self.plan.shape)
        return verdict.shape == named


def _name(colour: str, thing: str) -> str:
    return f"{'an' if colour[0] in 'aeiou' else 'a'} {colour} {thing}"


def _list_kept(erased: str) -> Iterator[tuple[str, str]]:
    """Every colour with every other shape, neighbours differing in both, so that any stride of 5 has all of them."""
    others = [shape for shape in SHAPES if shape != erased]
    for step in range(len(others)):
        for index, colour in enumerate(COLOURS):
            yield colour, others[(index + step) % len(others)]
