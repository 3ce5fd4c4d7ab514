"""RECE Demo Model: the small text-to-image model that ships with the pack."""

from __future__ import annotations

from comfy_api.latest import io

from ..demo.family import load_demo_model
from .types import CATEGORY


class ReceDemoModel(io.ComfyNode):
    """Loads the small model; nothing to download."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ReceDemoModel",
            display_name="RECE Demo Model",
            category=CATEGORY,
            description="A small text-to-image model of coloured shapes that ships with this pack, to try everything "
            "in seconds on a CPU. Ask it for 'a red circle' or 'a striped blue star on a white background'.",
            inputs=[],
            outputs=[
                io.Model.Output(display_name="model", tooltip="The diffusion model, of the SD 1.x kind."),
                io.Clip.Output(display_name="clip", tooltip="Its text encoder. It knows shapes, colours and fills."),
                io.Vae.Output(display_name="vae", tooltip="Its VAE."),
            ],
        )

    @classmethod
    def execute(cls) -> io.NodeOutput:
        return io.NodeOutput(*load_demo_model())
