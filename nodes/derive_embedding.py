"""RECE Derive Embedding: what an edited model still knows of a concept (RECE eq. 7 to 12)."""

from __future__ import annotations

from comfy_api.latest import io

from ..rece_core.models.text_model import TOKENS
from .attack_model import ModelPair, describe_attack
from .host import show_on_node
from .host_memory import explain_out_of_memory
from .optional_widgets import optional_widgets
from .types import CATEGORY, derivation_ridge_input, ridge_scale_input, text_weights_input


@optional_widgets
class ReceDeriveEmbedding(io.ComfyNode):
    """Needs only two models, whatever edited the second."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ReceDeriveEmbedding",
            display_name="RECE Derive Embedding",
            category=CATEGORY,
            description="Finds the embedding that makes an edited model act on it as the original does on the target. "
            "Sample it with the edited model and see what is still there. Works for any two models of one family, "
            "whichever tool edited the second. Where models read a pooled embedding too, that is derived as well.",
            inputs=[
                io.Model.Input("model", tooltip="The original model."),
                io.Model.Input("edited_model", tooltip="The model to look into, edited by this pack or anything else."),
                io.Clip.Input("clip", tooltip="The text encoder that belongs to both models."),
                io.String.Input(
                    "target",
                    multiline=True,
                    default="",
                    tooltip="The prompt to bring back, such as 'a photo of snoopy'. At most 75 tokens with CLIP.",
                ),
                io.String.Input(
                    "anchor",
                    default=" ",
                    tooltip="What the target was mapped onto, for the measures: how much of the difference between the "
                    "two is left. Has no effect on the embedding.",
                ),
                derivation_ridge_input(),
                ridge_scale_input(),
                text_weights_input(),
            ],
            outputs=[
                io.Conditioning.Output(
                    display_name="conditioning",
                    tooltip="The derived embedding: connect it to a KSampler as positive.",
                ),
                io.String.Output(display_name="measures", tooltip="The measures as text."),
                io.Float.Output(
                    display_name="recoverable",
                    tooltip="Share of the target it brings back through the value projections: 1 is all, 0 is none.",
                ),
                io.Float.Output(
                    display_name="norm ratio",
                    tooltip="Its norm over that of the target's own embedding: above 1 is out of the ordinary.",
                ),
            ],
        )

    @classmethod
    @explain_out_of_memory()
    def execute(
        cls, model, edited_model, clip, target, anchor, derivation_ridge, ridge_scale, text_weights=""
    ) -> io.NodeOutput:
        models = ModelPair(model, edited_model, clip, target, anchor, text_weights)
        derived = models.derive(derivation_ridge, ridge_scale)
        measured = {cond_input: models.measure(derived, cond_input) for cond_input in models.cond_inputs}
        lines = [
            describe_attack(repr(target) if cond_input == TOKENS else f"its {cond_input} embedding", measures)
            for cond_input, measures in measured.items()
        ]
        text, tokens = "\n".join([*lines, *models.remarks]), measured[TOKENS]
        shown = show_on_node(text)
        return io.NodeOutput(derived.to_conditioning(), text, tokens.recoverable, tokens.norm_ratio, ui=shown)
