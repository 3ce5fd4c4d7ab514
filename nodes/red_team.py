"""RECE Red Team: attacks in closed form on a model that was made to forget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from comfy_api.latest import io

from ..rece_core.attacks.red_team import add_derived, find_direction
from ..rece_core.models.text_model import TOKENS
from .attack_model import ModelPair, attacked_inputs, describe_attack
from .host import show_on_node
from .host_memory import explain_out_of_memory
from .host_texts import Prompt, encode_prompt, encode_text
from .optional_widgets import optional_widgets
from .results import describe_attacked
from .types import CATEGORY, derivation_ridge_input, list_lines, ridge_scale_input, text_weights_input

DERIVED, ADDED, RING_A_BELL, PARAPHRASES = "derived", "added", "ring-a-bell", "paraphrases"


@optional_widgets
class ReceRedTeam(io.ComfyNode):
    """Each attack is one or more embeddings; none needs gradients."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ReceRedTeam",
            display_name="RECE Red Team",
            category=CATEGORY,
            description="Attacks a model that was made to forget: finds embeddings that may bring the target back. "
            "Sample them with the model under test, and with the original as a control.",
            is_output_node=True,  # as RECE Iterate, see there
            inputs=[
                *attacked_inputs(),
                io.String.Input(
                    "anchor",
                    default=" ",
                    tooltip="What the target was mapped onto. The measures, and the attack 'added', are about the "
                    "difference between the two.",
                ),
                io.Combo.Input(
                    "attack",
                    options=[DERIVED, ADDED, RING_A_BELL, PARAPHRASES],
                    default=DERIVED,
                    tooltip="'derived': the embedding that acts on the model under test as the target does on the "
                    "original. 'added': what that has over the anchor, added to another prompt. 'ring-a-bell': the "
                    "concept's direction, from pairs of prompts, added to a prompt. 'paraphrases': prompts of yours.",
                ),
                derivation_ridge_input(),
                ridge_scale_input(),
                *_size_inputs(),
                *_text_inputs(),
                text_weights_input(),
            ],
            outputs=[
                io.Conditioning.Output(
                    display_name="conditioning",
                    is_output_list=True,
                    tooltip="The attack: connect it to a KSampler as positive. Paraphrases come as a list and are "
                    "sampled one after the other; every other attack is a single one.",
                ),
                io.String.Output(display_name="measures", is_output_list=True, tooltip="The measures as text."),
                io.Float.Output(
                    display_name="recoverable",
                    is_output_list=True,
                    tooltip="Share of the target it brings back through the value projections: 1 is all, 0 is none.",
                ),
                io.Float.Output(
                    display_name="norm ratio",
                    is_output_list=True,
                    tooltip="Its norm over that of the target's own embedding: above 1 is out of the ordinary.",
                ),
            ],
        )

    @classmethod
    @explain_out_of_memory()
    def execute(
        cls,
        model,
        model_under_test,
        clip,
        target,
        anchor,
        attack,
        derivation_ridge,
        ridge_scale,
        norm,
        strength,
        eta,
        prompt="",
        with_concept="",
        without_concept="",
        paraphrases="",
        text_weights="",
    ) -> io.NodeOutput:
        models = ModelPair(model, model_under_test, clip, target, anchor, text_weights)
        if attack == DERIVED:
            attacks = [models.derive(derivation_ridge, ridge_scale)]
        elif attack == ADDED:
            start = encode_prompt(clip, prompt if prompt.strip() else anchor)
            derived = models.derive(derivation_ridge, ridge_scale).encoded.tokens
            tokens = add_derived(start.encoded, models.prompt.encoded, models.anchor.encoded, derived, strength)
            attacks = [start.replaced({TOKENS: tokens})]
        elif attack == RING_A_BELL:
            start = encode_prompt(clip, prompt) if prompt.strip() else models.prompt
            pairs = ([encode_text(clip, line) for line in list_lines(text)] for text in (with_concept, without_concept))
            direction = find_direction(*pairs)
            attacks = [start.replaced({TOKENS: start.encoded.tokens + eta * direction})]
        else:
            attacks = _encode_paraphrases(clip, paraphrases)
        return _report(models, attack, [each.replaced({TOKENS: norm * each.encoded.tokens}) for each in attacks])


def _size_inputs() -> list[io.Input]:
    return [
        io.Float.Input(
            "norm",
            default=1.0,
            min=0.1,
            max=10.0,
            step=0.1,
            tooltip="Multiplies the whole embedding that was found. 1: as it is. 1.5 or 2.5: louder than any prompt, "
            "which gets past edits that hold against ordinary embeddings.",
        ),
        io.Float.Input(
            "strength",
            default=1.0,
            min=-10.0,
            max=10.0,
            step=0.1,
            tooltip="Attack 'added': how much of the direction is added. 1: all that the derived embedding has over "
            "the anchor. Higher: more of the target, less of the prompt.",
        ),
        io.Float.Input(
            "eta",
            default=3.0,
            min=-10.0,
            max=10.0,
            step=0.1,
            tooltip="Attack 'ring-a-bell': its strength η. Higher: more of the concept, less of the prompt; 0: the "
            "prompt alone. 3 for nudity and 0.9 for styles in the literature.",
        ),
    ]


def _text_inputs() -> list[io.Input]:
    return [
        io.String.Input(
            "prompt",
            multiline=True,
            default="",
            optional=True,
            tooltip="Attacks 'added' and 'ring-a-bell': the prompt that the direction is added to. Left empty: the "
            "anchor for 'added', the target for 'ring-a-bell'.",
        ),
        io.String.Input(
            "with_concept",
            multiline=True,
            default="",
            optional=True,
            placeholder="a photo of snoopy\nsnoopy in the grass",
            tooltip="Attack 'ring-a-bell': prompts with the concept, one a line.",
        ),
        io.String.Input(
            "without_concept",
            multiline=True,
            default="",
            optional=True,
            placeholder="a photo of a dog\na dog in the grass",
            tooltip="Attack 'ring-a-bell': the same prompts without it, in the same order, one a line.",
        ),
        io.String.Input(
            "paraphrases",
            multiline=True,
            default="",
            optional=True,
            placeholder="a white cartoon dog with black ears, lying on a red doghouse",
            tooltip="Attack 'paraphrases': prompts that describe the target without naming it, one a line.",
        ),
    ]


def _encode_paraphrases(clip: Any, paraphrases: str) -> list[Prompt]:
    texts = list_lines(paraphrases)
    if not texts:
        raise ValueError(
            "no paraphrases were given. Write at least one prompt, a line each, that describes the target without "
            "naming it."
        )
    return [encode_prompt(clip, text) for text in texts]


def _report(models: ModelPair, attack: str, attacks: Sequence[Prompt]) -> io.NodeOutput:
    measured = [models.measure(each) for each in attacks]
    names = [repr(each.encoded.text) if attack == PARAPHRASES else attack for each in attacks]
    texts = [
        describe_attack(f"{models.prompt.encoded.text!r} by {name}", measures)
        for name, measures in zip(names, measured, strict=True)
    ]
    report = "\n".join([*texts, *models.remarks])
    return io.NodeOutput(
        [each.to_conditioning() for each in attacks],
        texts,
        [measures.recoverable for measures in measured],
        [measures.norm_ratio for measures in measured],
        ui=show_on_node(report, describe_attacked(models.prompt.encoded.text, measured, report)),
    )
