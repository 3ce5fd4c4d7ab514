"""RECE Edit Model: one closed-form edit, without the epochs (UCE, arXiv 2308.14761)."""

from __future__ import annotations

from comfy_api.latest import io

from ..rece_core.settings import EraseSettings
from .erase_model import erase_model, make_edit_settings
from .types import CATEGORY, ConceptsType, ErasureType, edit_inputs


class ReceEditModel(io.ComfyNode):
    """The first edit alone, to compare with or to look at what it leaves."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ReceEditModel",
            display_name="RECE Edit Model",
            category=CATEGORY,
            description="Maps the concepts onto their anchors once. What RECE Derive Embedding still finds afterwards "
            "is what RECE Iterate goes on to erase.",
            inputs=[
                io.Model.Input(
                    "model",
                    tooltip="The model to erase from. LoRAs loaded before this node are erased too; those after it "
                    "are not.",
                ),
                io.Clip.Input("clip", tooltip="The text encoder that belongs to the model. It is read, not changed."),
                ConceptsType.Input("concepts", tooltip="What to forget and what to keep, from RECE Concepts."),
                *edit_inputs(),
            ],
            outputs=[
                io.Model.Output(display_name="model", tooltip="The erased model; the one that came in is untouched."),
                ErasureType.Output(display_name="erasure", tooltip="For RECE Save Erasure and RECE Apply Erasure."),
            ],
        )

    @classmethod
    def execute(
        cls, model, clip, concepts, erase_scale, preserve_scale, edit_ridge, tokens, ridge_scale
    ) -> io.NodeOutput:
        edit = make_edit_settings(clip, erase_scale, preserve_scale, edit_ridge, tokens, ridge_scale)
        return io.NodeOutput(*erase_model(model, clip, concepts, EraseSettings(edit, epochs=0)))
