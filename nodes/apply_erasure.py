"""RECE Apply Erasure: an erasure onto another model of the same text encoder, in part or in full."""

from __future__ import annotations

from comfy_api.latest import io

from ..rece_core.erasing.erasure import check_fit, describe_fit
from ..rece_core.models.fingerprint import fingerprint
from ..rece_core.models.weights import accumulate_gram
from .host import HostModel, show_on_node, start_progress
from .host_memory import explain_out_of_memory
from .host_texts import fingerprint_encoder
from .optional_widgets import optional_widgets
from .types import CATEGORY, ErasureType


@optional_widgets
class ReceApplyErasure(io.ComfyNode):
    """Attaches a stored operator; solves nothing."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ReceApplyErasure",
            display_name="RECE Apply Erasure",
            category=CATEGORY,
            description="Applies an erasure, loaded from a file or made in this workflow, to a model.",
            inputs=[
                io.Model.Input("model", tooltip="The model to erase from: of the family that the erasure was made on."),
                io.Clip.Input(
                    "clip",
                    tooltip="The text encoder that belongs to the model. It is compared with the one that the erasure "
                    "was made for, and not changed.",
                ),
                ErasureType.Input("erasure", tooltip="From RECE Load Erasure, RECE Iterate or RECE Edit Model."),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="How much of the erasure to apply. 1: all of it. Lower: the concept comes back, soon "
                    "wholly. 0: the model as it came.",
                ),
            ],
            outputs=[
                io.Model.Output(display_name="model", tooltip="The erased model; the one that came is untouched."),
                io.String.Output(
                    display_name="report",
                    tooltip="Whether the model is the one that the erasure was made on, and else what of it is exact.",
                ),
            ],
        )

    @classmethod
    @explain_out_of_memory()
    def execute(cls, model, clip, erasure, strength) -> io.NodeOutput:
        original = HostModel(model, erasure.text_weights)
        described = original.described
        note = erasure.check_encoder(fingerprint_encoder(clip))
        check_fit(erasure, described)
        attaching, comparing, storing = start_progress().split(1, 1, 1)
        erased = original.attach(erasure, strength, attaching)
        on_step = comparing.count(len(described.list_entries(erasure.parts)))
        bases = {
            cond_input: fingerprint(accumulate_gram(described.read(described.cond_inputs[cond_input], on_step)).total)
            for cond_input in erasure.parts
        }
        rounding = original.measure_rounding(erased, original.list_weights(erasure), storing)
        report = f"{describe_fit(erasure, described, bases, strength)}\n{rounding.describe()}."
        report += f"\n{note}" if note else ""
        return io.NodeOutput(erased, report, ui=show_on_node(report))
