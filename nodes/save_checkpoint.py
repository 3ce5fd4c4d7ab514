"""RECE Save Checkpoint: the erased model as an ordinary checkpoint that says what was erased from it."""

from __future__ import annotations

from comfy_api.latest import io

from ..rece_core.sharing.provenance import describe_provenance
from .host import show_on_node
from .host_checkpoint import write_checkpoint
from .types import CATEGORY, ErasureType


class ReceSaveCheckpoint(io.ComfyNode):
    """The host's own Save Checkpoint, which embeds the workflow, with the erasure's provenance beside it."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ReceSaveCheckpoint",
            display_name="RECE Save Checkpoint",
            category=CATEGORY,
            description="Saves an erased model as an ordinary checkpoint that needs nothing of this pack, like Save "
            "Checkpoint, and writes into its header what was erased onto what, how, and from which model.",
            inputs=[
                io.Model.Input(
                    "model", tooltip="The erased model, from RECE Iterate, RECE Edit Model or RECE Apply Erasure."
                ),
                io.Clip.Input("clip", tooltip="The text encoder to save with it."),
                io.Vae.Input("vae", tooltip="The VAE to save with it."),
                ErasureType.Input("erasure", tooltip="What was erased from the model; it goes into the file's header."),
                io.String.Input(
                    "filename_prefix",
                    default="checkpoints/erased",
                    tooltip="Name of the file in the output folder; a number is added, so nothing is overwritten.",
                ),
            ],
            outputs=[io.String.Output(display_name="file", tooltip="Name of the file in the output folder.")],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, model, clip, vae, erasure, filename_prefix) -> io.NodeOutput:
        provenance = describe_provenance(erasure)
        extra = cls.hidden.extra_pnginfo or {}
        file = write_checkpoint(model, clip, vae, filename_prefix, provenance, cls.hidden.prompt, extra)
        return io.NodeOutput(file, ui=show_on_node(f"Saved as {file}\n{provenance['erased']}"))
