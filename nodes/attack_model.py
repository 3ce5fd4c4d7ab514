"""From two models and a target to an embedding to sample: what the nodes that attack have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..rece_core.alignment import EncodedText
from ..rece_core.derive import Derivation, scaled_derivation_ridge
from ..rece_core.gram import Weight, accumulate_pair_grams
from ..rece_core.red_team import AttackMeasures, measure_attack
from ..rece_core.settings import choose_ridge_scale
from .host import Progress, list_text_entries, read_weights
from .host_texts import Prompt, encode_prompt

Conditioning = list[list[Any]]


class Inquiry:
    """An original model and the one under test side by side, and the target that may still be in it."""

    def __init__(self, model: Any, tested: Any, clip: Any, target: str, anchor: str) -> None:
        progress = Progress(2 * len(list_text_entries(model)))
        self.prompt = encode_target(clip, target, model)
        self.target, self.anchor = self.prompt.encoded, encode_prompt(clip, anchor).encoded
        self.pair, self.values = accumulate_pair_grams(_pair_weights(model, tested, progress))

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
    width, read = prompt.encoded.tokens.shape[1], list_text_entries(model)[0].shape[1]
    if width != read:
        raise ValueError(
            f"the text encoder gives embeddings of width {width}, but the model reads width {read}. Connect the CLIP "
            "that belongs to this model."
        )
    return prompt


def make_conditioning(tokens: Tensor, pooled: Tensor | None) -> Conditioning:
    """`tokens` (n, d) as the host's CONDITIONING, float32 on the CPU."""
    return [[tokens.float().cpu()[None], {} if pooled is None else {"pooled_output": pooled}]]


def describe_attack(name: str, measures: AttackMeasures) -> str:
    """One line of text."""
    return (
        f"{name}: forgotten {measures.forgotten:.1%}, recoverable {measures.recoverable:.1%} "
        f"at {measures.norm_ratio:.2f} x the usual norm"
    )


def _pair_weights(model: Any, tested: Any, on_step: Callable[[str], None]) -> Iterator[tuple[Weight, Tensor]]:
    """Both models' text entries side by side; ValueError where they are not of one family."""
    names, tested_names = ([entry.name for entry in list_text_entries(each)] for each in (model, tested))
    if names != tested_names:
        raise ValueError(
            f"the two models differ in structure: {len(names)} weights read the text in the original, "
            f"{len(tested_names)} in the edited one. Connect an original and an edited model of the same family."
        )
    both = zip(read_weights(model, on_step), read_weights(tested, on_step), strict=True)
    return ((weight, counterpart.matrix) for weight, counterpart in both)
