"""The graphs of the demo and of the example workflows: the small model, what is erased, and the stock sampler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.graph import Graph, Node, Output

from .plan import Plan

PIXELS = 128


@dataclass(frozen=True)
class Sampling:
    """What suits a small model in the stock KSampler, beside euler."""

    steps: int
    cfg: float
    scheduler: str


SHAPES = Sampling(20, 5.0, "normal")
# Widgets of RECE Edit Model and RECE Iterate: one edit as in the paper, without value erasure.
EDIT: dict[str, Any] = {
    "erase_scale": 1.0,
    "preserve_scale": 0.1,
    "edit_ridge": 0.1,
    "tokens": "from subject",
    "ridge_scale": "auto",
    "mode": "paper",
    "prior_scale": 1.0,
    "free_share": 0.0,
    "seal": 0.0,
    "seal_caution": 0.05,
}
ITERATE: dict[str, Any] = {
    "schedule": "manual",
    "thoroughness": 0.5,
    "carefulness": 0.5,
    "iteration": "paper",
    "epochs": 0,
    "derivation_ridge": 0.1,
    **EDIT,
}


def add_concepts(graph: Graph, plan: Plan) -> Node:
    """RECE Concepts with the texts of `plan`."""
    return graph.add(
        "ReceConcepts",
        kind="custom",
        targets="\n".join(plan.targets),
        default_anchor="",
        preserve="\n".join(plan.preserved),
        phrasings="as typed",
        captions="everyday captions",
    )


def add_edit(graph: Graph, demo: Node, concepts: Node, plan: Plan) -> Node:
    """RECE Edit Model: MODEL, ERASURE."""
    widgets = {**EDIT, "edit_ridge": plan.edit_ridge}
    return graph.add("ReceEditModel", model=demo[0], clip=demo[1], concepts=concepts, **widgets)


def add_iterate(graph: Graph, demo: Node, concepts: Node, plan: Plan, epochs: int, model: Output | None = None) -> Node:
    """RECE Iterate, of the demo model or what was made of it: MODEL, ERASURE, report."""
    return graph.add(
        "ReceIterate",
        model=model or demo[0],
        clip=demo[1],
        concepts=concepts,
        **{
            **ITERATE,
            "iteration": plan.iteration,
            "epochs": epochs,
            "derivation_ridge": plan.derivation_ridge,
            "edit_ridge": plan.edit_ridge,
        },
    )


def add_derived(graph: Graph, demo: Node, edited: Output, prompt: str, plan: Plan) -> Node:
    """RECE Derive Embedding for a prompt that names the erased shape: CONDITIONING and measures."""
    return graph.add(
        "ReceDeriveEmbedding",
        model=demo[0],
        edited_model=edited,
        clip=demo[1],
        target=prompt,
        anchor=prompt.replace(plan.shape, plan.anchor),
        derivation_ridge=plan.derivation_ridge,
        ridge_scale="auto",
    )


def add_prompt(graph: Graph, demo: Node, text: str) -> Output:
    """CONDITIONING of a text."""
    return graph.add("CLIPTextEncode", clip=demo[1], text=text)[0]


def add_sampler(
    graph: Graph, model: Output, positive: Output, negative: Output, latent: Output, seed: int, sampling: Sampling
) -> Output:
    """LATENT by the stock KSampler."""
    return graph.add(
        "KSampler",
        model=model,
        seed=seed,
        steps=sampling.steps,
        cfg=sampling.cfg,
        scheduler=sampling.scheduler,
        sampler_name="euler",
        positive=positive,
        negative=negative,
        latent_image=latent,
        denoise=1.0,
    )[0]


def add_pictures(
    graph: Graph,
    demo: Node,
    model: Output,
    positive: Output,
    seed: int,
    count: int,
    negative: str = "",
    sampling: Sampling = SHAPES,
) -> Output:
    """IMAGE: `count` pictures by the stock KSampler; `negative` is a prompt."""
    unwanted = add_prompt(graph, demo, negative)
    latent = graph.add("EmptyLatentImage", width=PIXELS, height=PIXELS, batch_size=count)[0]
    sampled = add_sampler(graph, model, positive, unwanted, latent, seed, sampling)
    return graph.add("VAEDecode", samples=sampled, vae=demo[2])[0]
