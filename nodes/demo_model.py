"""RECE Demo Model: the small text-to-image models that ship with the pack."""

from __future__ import annotations

from comfy_api.latest import io

from ..demo.family import load_demo_model
from ..emoji import family as emoji
from .types import CATEGORY

SHAPES = "shapes"
LOAD = {
    "emoji": lambda: emoji.load("flux"),
    "emoji, U-Net": lambda: emoji.load("unet"),
    SHAPES: load_demo_model,
}


class ReceDemoModel(io.ComfyNode):
    """Loads a small model; nothing to download."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ReceDemoModel",
            display_name="RECE Demo Model",
            category=CATEGORY,
            description="A small text-to-image model that ships with this pack, to try everything in seconds on a CPU. "
            "Ask the emoji models for 'a pizza', 'a dog, 3d' or 'a rose in ink style on a blue background', and the "
            "shapes for 'a red circle'. Draw with an empty latent of 128 x 128.",
            inputs=[
                io.Combo.Input(
                    "model",
                    options=list(LOAD),
                    default="emoji",
                    optional=True,  # prompts stored before there was a choice mean the shapes
                    tooltip="emoji: a transformer like Flux; sampler euler, scheduler simple, 12 steps, cfg 4. emoji, "
                    "U-Net: one like SD 1; scheduler normal. shapes: a U-Net too; 20 steps, cfg 5.",
                )
            ],
            outputs=[
                io.Model.Output(display_name="model", tooltip="The diffusion model."),
                io.Clip.Output(display_name="clip", tooltip="Its text encoder, which knows the words of its world."),
                io.Vae.Output(display_name="vae", tooltip="Its VAE."),
            ],
        )

    @classmethod
    def execute(cls, model: str = SHAPES) -> io.NodeOutput:
        return io.NodeOutput(*LOAD[model]())
