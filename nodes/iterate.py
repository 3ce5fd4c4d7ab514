"""RECE Iterate: the whole of RECE (arXiv 2407.12383), edit and derive in turn."""

from __future__ import annotations

from comfy_api.latest import io

from ..rece_core.erasing.schedule import SCHEDULES, apply_schedule, resolve_settings
from ..rece_core.erasing.settings import ITERATIONS, EraseSettings
from ..rece_core.reporting.description import describe_erasure, summarize_erasure
from ..rece_core.texts.presets import PROBES
from .erase_model import erase_model, make_edit_settings, pick_value_erasure
from .host import show_on_node
from .optional_widgets import optional_widgets
from .results import describe_erased
from .types import (
    CATEGORY,
    derivation_ridge_input,
    edit_inputs,
    erase_inputs,
    erase_outputs,
    fold_inputs,
    list_lines,
    pooled_input,
    protection_inputs,
    text_weights_input,
)

#: All that most people need; the page folds the rest away.
BASIC = ("schedule", "thoroughness", "carefulness", "mode", "seal")


@optional_widgets
class ReceIterate(io.ComfyNode):
    """Edits, then for each epoch derives what is left and edits that away too."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="ReceIterate",
            display_name="RECE Iterate",
            category=CATEGORY,
            description="Makes the model forget the concepts: edits it, derives the embeddings that would still bring "
            "them back, edits those away too, and repeats.",
            is_output_node=True,  # else a result that is cached is not sent again, and the page shows another run's
            inputs=[
                *erase_inputs(),
                io.Combo.Input(
                    "schedule",
                    options=list(SCHEDULES),
                    default=SCHEDULES[0],
                    tooltip="'automatic': edit ridge and epochs are searched for, by the two sliders below it; the "
                    "report says why it stopped. 'paper': mode, epochs, ridges and scales as the paper has them for "
                    "the kind of concept, names as typed, no value erasure. 'manual': the numbers below.",
                ),
                io.Float.Input(
                    "thoroughness",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    display_mode=io.NumberDisplay.slider,
                    tooltip="How little may be recoverable (schedule 'automatic'). Higher: more epochs, and edits that "
                    "forget harder. 1: nothing at all; 0: whatever the first edit gives.",
                ),
                io.Float.Input(
                    "carefulness",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    display_mode=io.NumberDisplay.slider,
                    tooltip="How little other texts may drift (schedule 'automatic'). Higher: gentler edits and fewer "
                    "epochs. The limit is 80 % at 0, 40 % at 0.5, 0 at 1.",
                ),
                io.Combo.Input(
                    "iteration",
                    options=list(ITERATIONS),
                    default="cumulative",
                    tooltip="'paper': each epoch edits the result of the last, as schedule 'paper' always does. "
                    "'cumulative': each epoch solves again from the original weights with all that was found so far, "
                    "which avoids setbacks from one epoch to the next.",
                ),
                io.Int.Input(
                    "epochs",
                    default=3,
                    min=0,
                    max=50,
                    tooltip="How often to derive and edit after the first edit (schedule 'manual'), or at most "
                    "('automatic'). More: less of the concept can be brought back, and more of everything else moves. "
                    "0: the first edit only.",
                ),
                derivation_ridge_input(),
                *edit_inputs(),
                *protection_inputs(),
                io.String.Input(
                    "probes",
                    multiline=True,
                    default="",
                    optional=True,
                    placeholder=PROBES[0],
                    tooltip="Texts to measure drift on, one a line, not among those preserved: the more they move, the "
                    "more was damaged. They are measured, not edited. Left empty: eight everyday texts.",
                ),
                pooled_input(),
                text_weights_input(),
            ],
            outputs=[
                *erase_outputs(),
                io.String.Output(display_name="report", tooltip="The measures after each epoch, as text."),
            ],
        )
        return fold_inputs(schema, shown=BASIC)

    @classmethod
    def execute(
        cls,
        model,
        clip,
        concepts,
        schedule,
        thoroughness,
        carefulness,
        iteration,
        epochs,
        derivation_ridge,
        probes="",
        **widgets,
    ) -> io.NodeOutput:
        edit = make_edit_settings(**widgets)
        asked = EraseSettings(edit, epochs, derivation_ridge, iteration, **pick_value_erasure(widgets))
        settings, goals = resolve_settings(schedule, concepts.kind, asked, thoroughness, carefulness)
        concepts = apply_schedule(schedule, concepts)
        chosen = list_lines(probes)
        erased = erase_model(model, clip, concepts, settings, widgets, chosen or PROBES, goals, rounds=True)
        changed, erasure = f"{erased.share:.1%} of the model's parameters changed.", erased.erasure
        report = "\n".join([describe_erasure(erasure), changed, erased.remarks])
        shown = show_on_node(summarize_erasure(erasure), describe_erased(erasure, report))
        return io.NodeOutput(erased.model, erasure, report, ui=shown)
