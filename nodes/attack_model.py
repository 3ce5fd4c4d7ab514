"""From two models and a target to an embedding to sample: what the nodes that attack have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..rece_core.alignment import EncodedText
from ..rece_core.derive import Derivation, scaled_derivation_ridge
from ..rece_core.gram import Weight, accumulate_pair_grams
from ..rece_core.red_team import AttackMeasures, measure_attack
from ..rece_core.settings import choose_ridge_scale
from ..rece_core.text_model import TOKENS, OnStep, TextModel
from .host import Progress, describe_model
from .host_texts import Prompt, encode_prompt


class Inquiry:
    """An original model and the one under test side by side, and the target that may still be in it."""

    def __init__(self, model: Any, tested: Any, clip: Any, target: str, anchor: str) -> None:
        both = describe_model(model), describe_model(tested)
        progress = Progress(2 * len(both[0].streams[TOKENS]))
        self.prompt = encode_target(clip, target, model)
        self.target, self.anchor = self.prompt.encoded, encode_prompt(clip, anchor).encoded
        self.pair, self.values = accumulate_pair_grams(_pair_weights(*both, TOKENS, progress))

    def derive(self, derivation_ridge: float, ridge_scale: str) -> Tensor:
        """The embedding (n, d) that makes the model under test act as the original does on the target; float64."""
        if ridge_scale == "auto":
            ridge_scale = choose_ridge_scale(self.target.tokens)
        ridge = scaled_derivation_ridge(derivation_ridge, self.pair.original, ridge_scale)
        return Derivation(self.pair, ridge).derive(self.target.tokens)

    def measure(self, attack: EncodedText) -> AttackMeasures:
        """See `red_team.measure_attack`."""
        return measure_attack(self.pair, self.values, self.target, self.anchor, attack)


def attacked_inputs() -> list[io.Input]:
    """What the nodes that attack need."""
    return [
        io.Model.Input("model", tooltip="The original model."),
        io.Model.Input(
            "model_under_test",
            tooltip="The model to attack, made to forget by this pack or anything else. For an attack fixed "
            "beforehand, connect another one here than the one you sample with.",
        ),
        io.Clip.Input("clip", tooltip="The text encoder that belongs to both models."),
        io.String.Input(
            "target",
            multiline=True,
            default="",
            tooltip="The prompt to bring back, such as 'a photo of snoopy'. At most 75 tokens.",
        ),
    ]


def encode_target(clip: Any, target: str, model: Any) -> Prompt:
    """The target as `model` reads it; ValueError where it is empty, or `clip` of another width than the model."""
    if not target.strip():
        raise ValueError("the target is empty; expected the prompt to bring back, such as 'a photo of snoopy'.")
    prompt = encode_prompt(clip, target)
    width, read = prompt.encoded.tokens.shape[1], describe_model(model).streams[TOKENS][0].shape[1]
    if width != read:
        raise ValueError(
            f"the text encoder gives embeddings of width {width}, but the model reads width {read}. Connect the CLIP "
            "that belongs to this model."
        )
    return prompt


def describe_attack(name: str, measures: AttackMeasures) -> str:
    """One line of text."""
    return (
        f"{name}: forgotten {measures.forgotten:.1%}, recoverable {measures.recoverable:.1%} "
        f"at {measures.norm_ratio:.2f} x the usual norm"
    )


def _pair_weights(
    original: TextModel, tested: TextModel, stream: str, on_step: OnStep
) -> Iterator[tuple[Weight, Tensor]]:
    """Both models' text entries of a stream side by side; ValueError where they are not of one family."""
    entries, counterparts = (model.streams[stream] for model in (original, tested))
    if [entry.name for entry in entries] != [entry.name for entry in counterparts]:
        raise ValueError(
            f"the two models differ in structure: {len(entries)} weights read the text in the original, "
            f"{len(counterparts)} in the edited one. Connect an original and an edited model of the same family."
        )
    both = zip(original.read(entries, on_step), tested.read(counterparts, on_step), strict=True)
    return ((weight, counterpart.matrix) for weight, counterpart in both)
