"""What the example workflows have in common: before and after with shared texts and size, by the stock sampler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from demo.graphs import SHAPES, Sampling
from harness.graph import Graph, Node, Output

SAMPLER, SEED = "euler", 7


@dataclass(frozen=True)
class Scene:
    """How a workflow draws: everything about the sampler but its MODEL and its positive text."""

    vae: Output
    negative: Output
    latent: Output
    sampling: Sampling = SHAPES
    sampler: str = SAMPLER

    def draw(self, graph: Graph, model: Output, positive: Output, **changes: Any) -> Output:
        """IMAGE: pictures by `model`; `changes` are other inputs of the sampler."""
        told = {"steps": self.sampling.steps, "cfg": self.sampling.cfg, "scheduler": self.sampling.scheduler}
        ends = {"model": model, "positive": positive, "negative": self.negative, "latent_image": self.latent}
        widgets = {"seed": SEED, "sampler_name": self.sampler, "denoise": 1.0}
        sampled = graph.add("KSampler", **{**ends, **told, **widgets, **changes})
        return graph.add("VAEDecode", samples=sampled[0], vae=self.vae)[0]


def set_scene(
    graph: Graph, loaded: Node, pixels: int, count: int = 2, sampling: Sampling = SHAPES, negative: str = ""
) -> Scene:
    """The scene behind a node that gives MODEL, CLIP and VAE: `count` pictures of `pixels` by `pixels`."""
    empty = graph.add("CLIPTextEncode", clip=loaded[1], text=negative).titled("Nothing to avoid")
    latent = graph.add("EmptyLatentImage", width=pixels, height=pixels, batch_size=count)
    return Scene(loaded[2], empty[0], latent[0], sampling)


def ask(graph: Graph, loaded: Node, text: str) -> Output:
    """CONDITIONING of a prompt."""
    return graph.add("CLIPTextEncode", clip=loaded[1], text=text).titled("Prompt")[0]


def compare(graph: Graph, pictures: list[Output], prompts: Any, headings: str, prefix: str) -> None:
    """A sheet of two or three columns, saved."""
    columns = dict(zip(("before", "after", "third"), pictures, strict=False))
    sheet = graph.add("ReceCompare", **columns, prompts=prompts, headings=headings)
    graph.add("SaveImage", images=sheet[0], filename_prefix=f"rece/{prefix}").titled(prefix)
