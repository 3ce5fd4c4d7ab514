"""From two models and a target to an embedding to sample: what the nodes that attack have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from comfy_api.latest import io

from ..rece_core.algebra.gram import PairGram
from ..rece_core.attacks.red_team import AttackMeasures, measure_attack
from ..rece_core.erasing.derive import Derivation, scaled_derivation_ridge
from ..rece_core.erasing.memory import bound_comparison
from ..rece_core.erasing.settings import AUTO, choose_ridge_scale
from ..rece_core.models.text_entries import TextEntry
from ..rece_core.models.text_model import TOKENS, TextModel
from ..rece_core.models.weights import accumulate_pair_grams
from ..rece_core.texts.alignment import EncodedText
from ..rece_core.texts.wording import describe_forgotten, describe_recoverable
from .host import HostModel, start_progress
from .host_memory import Workplace
from .host_texts import Prompt, encode_prompt


class ModelPair:
    """An original model and the one under test side by side, and the target that may still be in it.

    prompt, anchor: as the text encoder gives them.
    """

    def __init__(self, model: Any, tested: Any, clip: Any, target: str, anchor: str, text_weights: str = "") -> None:
        self._models = [HostModel(each, text_weights) for each in (model, tested)]
        self._original, self._tested = (each.described for each in self._models)
        self.prompt, self.anchor = encode_target(clip, target, self._original), encode_prompt(clip, anchor)
        self._targets, self._anchors = (self._read(each) for each in (self.prompt, self.anchor))
        self._pairs: dict[str, tuple[PairGram, PairGram]] = {}
        self.remarks: list[str] = []  # where it was computed, where that is not as usual
        self._progress = dict(zip(self.cond_inputs, start_progress().split(*[1] * len(self.cond_inputs)), strict=True))

    @property
    def cond_inputs(self) -> tuple[str, ...]:
        """Those that the models read and that there is something to derive in, tokens first."""
        return tuple(each for each in self._targets if each in self._anchors and self._original.can_reach(each))

    def derive(self, derivation_ridge: float, ridge_scale: str) -> Prompt:
        """The prompt with the embeddings that make the model under test act as the original does on the target."""
        derived = {}
        for cond_input in self.cond_inputs:
            tokens, (pair, _) = self._targets[cond_input].tokens, self._compare(cond_input)
            scale = choose_ridge_scale(tokens) if ridge_scale == AUTO else ridge_scale
            ridge = scaled_derivation_ridge(derivation_ridge, pair.original, scale)
            derived[cond_input] = self._original.reach(cond_input, Derivation(pair, ridge).derive(tokens))
        return self.prompt.replaced(derived)

    def measure(self, attack: Prompt, cond_input: str = TOKENS) -> AttackMeasures:
        """See `red_team.measure_attack`."""
        pairs = self._compare(cond_input)
        return measure_attack(
            *pairs, self._targets[cond_input], self._anchors[cond_input], self._read(attack)[cond_input]
        )

    def _read(self, prompt: Prompt) -> dict[str, EncodedText]:
        return {cond_input: texts[0] for cond_input, texts in self._original.prepare_inputs(prompt.cond_inputs).items()}

    def _compare(self, cond_input: str) -> tuple[PairGram, PairGram]:
        if cond_input not in self._pairs:
            entries, counterparts = (model.cond_inputs[cond_input] for model in (self._original, self._tested))
            _check_structure(entries, counterparts)
            rows, progress = len(self._targets[cond_input].tokens), self._progress[cond_input]
            place = Workplace.find(self._models[0].device, bound_comparison(entries, rows))

            def compare(device: torch.device) -> tuple[PairGram, PairGram]:
                both, on_step = (
                    zip(self._models, (entries, counterparts), strict=True),
                    progress.count(2 * len(entries)),
                )
                read = (model.on(device).read(each, on_step) for model, each in both)
                return accumulate_pair_grams((weight, edited.matrix) for weight, edited in zip(*read, strict=True))

            self._pairs[cond_input] = place.run(compare, progress)
            self.remarks += [f"{cond_input}: {place.remark}"] if place.remark else []
        return self._pairs[cond_input]


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
            tooltip="The prompt to bring back, such as 'a photo of snoopy'. At most 75 tokens with CLIP.",
        ),
    ]


def encode_target(clip: Any, target: str, model: TextModel) -> Prompt:
    """The target as `model` reads it; ValueError where it is empty, or `clip` of another width than the model."""
    if not target.strip():
        raise ValueError("the target is empty; expected the prompt to bring back, such as 'a photo of snoopy'.")
    prompt = encode_prompt(clip, target)
    model.prepare_inputs(prompt.cond_inputs)  # which raises where it cannot
    return prompt


def describe_attack(name: str, measures: AttackMeasures) -> str:
    """One line of text."""
    return (
        f"{name}: forgotten {describe_forgotten(measures.forgotten)}, "
        f"recoverable {describe_recoverable(measures.recoverable)} at {measures.norm_ratio:.2f} x the usual norm"
    )


def _check_structure(entries: Sequence[TextEntry], counterparts: Sequence[TextEntry]) -> None:
    """ValueError where the text entries of two models are not those of one family."""
    if [entry.name for entry in entries] != [entry.name for entry in counterparts]:
        raise ValueError(
            f"the two models differ in structure: {len(entries)} weights read the text in the original, "
            f"{len(counterparts)} in the edited one. Connect an original and an edited model of the same family."
        )
