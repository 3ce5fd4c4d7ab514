"""RECE Derive Embedding: what an edited model still knows of a concept (RECE eq. 7 to 12)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..rece_core.alignment import align
from ..rece_core.derive import Derivation, scaled_derivation_ridge
from ..rece_core.gram import Weight, accumulate_pair_grams
from ..rece_core.measures import measure_forgotten, measure_norm_ratio, measure_recoverable
from ..rece_core.settings import choose_ridge_scale
from .host import Progress, encode_prompt, list_text_entries, read_weights, show_on_node
from .types import CATEGORY, derivation_ridge_input, ridge_scale_input


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
            "whichever tool edited the second.",
            inputs=[
                io.Model.Input("model", tooltip="The original model."),
                io.Model.Input("edited_model", tooltip="The model to look into, edited by this pack or anything else."),
                io.Clip.Input("clip", tooltip="The text encoder that belongs to both models."),
                io.String.Input(
                    "target",
                    multiline=True,
                    default="",
                    tooltip="The prompt to bring back, such as 'a photo of snoopy'. At most 75 tokens.",
                ),
                io.String.Input(
                    "anchor",
                    default=" ",
                    tooltip="What the target was mapped onto, for the measures: how much of the difference between the "
                    "two is left. Has no effect on the embedding.",
                ),
                derivation_ridge_input(),
                ridge_scale_input(),
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
    def execute(cls, model, edited_model, clip, target, anchor, derivation_ridge, ridge_scale) -> io.NodeOutput:
        if not target.strip():
            raise ValueError("the target is empty; expected the prompt to bring back, such as 'a photo of snoopy'.")
        progress = Progress(2 * len(list_text_entries(model)))
        prompt, goal = encode_prompt(clip, target), encode_prompt(clip, anchor).encoded
        concept = prompt.encoded
        if ridge_scale == "auto":
            ridge_scale = choose_ridge_scale(concept.tokens)
        pair, values = accumulate_pair_grams(_pair_weights(model, edited_model, progress))
        ridge = scaled_derivation_ridge(derivation_ridge, pair.original, ridge_scale)
        derivation = Derivation(pair, ridge)
        tokens = derivation.derive(concept.tokens)

        sources, goals = (rows.to(tokens) for rows in align(concept, goal, "from subject"))
        returned = derivation.derive(sources)
        recoverable = measure_recoverable(values, sources, goals, returned)
        norm_ratio = measure_norm_ratio(sources, returned)
        text = (
            f"{target!r}: forgotten {measure_forgotten(pair, sources, goals):.1%}, recoverable {recoverable:.1%} "
            f"at {norm_ratio:.2f} x the usual norm"
        )
        extras = {} if prompt.pooled is None else {"pooled_output": prompt.pooled}
        conditioning = [[tokens.float().cpu()[None], extras]]
        return io.NodeOutput(conditioning, text, recoverable, norm_ratio, ui=show_on_node(text))


def _pair_weights(model: Any, edited: Any, on_step: Callable[[str], None]) -> Iterator[tuple[Weight, Tensor]]:
    """Both models' text entries side by side; ValueError where they are not of one family."""
    names, edited_names = ([entry.name for entry in list_text_entries(each)] for each in (model, edited))
    if names != edited_names:
        raise ValueError(
            f"the two models differ in structure: {len(names)} weights read the text in the original, "
            f"{len(edited_names)} in the edited one. Connect an original and an edited model of the same family."
        )
    both = zip(read_weights(model, on_step), read_weights(edited, on_step), strict=True)
    return ((weight, counterpart.matrix) for weight, counterpart in both)
