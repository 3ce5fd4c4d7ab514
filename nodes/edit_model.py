"""RECE Edit Model: one closed-form edit, without the epochs (UCE, arXiv 2308.14761)."""

from __future__ import annotations

from comfy_api.latest import io

from ..rece_core.erasing.settings import EraseSettings
from .erase_model import erase_model, make_edit_settings, pick_value_erasure
from .optional_widgets import optional_widgets
from .types import (
    CATEGORY,
    edit_inputs,
    erase_inputs,
    erase_outputs,
    fold_inputs,
    pooled_input,
    protection_inputs,
    text_weights_input,
)

#: All that most people need; the page folds the rest away.
BASIC = ("erase_scale", "preserve_scale", "edit_ridge", "mode", "seal")


@optional_widgets
class ReceEditModel(io.ComfyNode):
    """The first edit alone, to compare with or to look at what it leaves."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="ReceEditModel",
            display_name="RECE Edit Model",
            category=CATEGORY,
            description="Maps the concepts onto their anchors once. What RECE Derive Embedding still finds afterwards "
            "is what RECE Iterate goes on to erase.",
            inputs=[
                *erase_inputs(),
                *edit_inputs(),
                *protection_inputs(),
                pooled_input(),
                text_weights_input(),
            ],
            outputs=erase_outputs(),
        )
        return fold_inputs(schema, shown=BASIC)

    @classmethod
    def execute(cls, model, clip, concepts, **widgets) -> io.NodeOutput:
        settings = EraseSettings(make_edit_settings(**widgets), epochs=0, **pick_value_erasure(widgets))
        erased = erase_model(model, clip, concepts, settings, widgets)
        return io.NodeOutput(erased.model, erased.erasure)
