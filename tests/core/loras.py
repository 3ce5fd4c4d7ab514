"""Random erasures of models given as weights by name, and what they make of those weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from rece_core.algebra.operator import Operator
from rece_core.erasing.erasure import Erasure, Part
from rece_core.erasing.settings import EditSettings, EraseSettings
from rece_core.erasing.value_eraser import ValueEraser
from rece_core.models.fingerprint import fingerprint
from rece_core.models.text_entries import TextEntry, find_family
from rece_core.models.text_model import TextModel
from rece_core.models.weights import Weight, accumulate_gram
from rece_core.progress import OnStep
from rece_core.texts.concepts import parse_concepts
from tests.core.random_models import randn

RANK = 5


def make_erasure(model: TextModel, *, with_erasers: bool = False, rank: int = RANK) -> Erasure:
    """Of all that `model` reads, by random operators of `rank`; all but keys with an eraser of one direction."""
    parts = {}
    for cond_input, entries in model.cond_inputs.items():
        width = entries[0].shape[1]
        value_erasers = {}
        for n, entry in enumerate(entry for entry in entries if with_erasers and entry.role != "key"):
            write = torch.linalg.qr(randn(n, entry.shape[0], 1)).Q
            read = write + 0.1 * randn(n + 1, entry.shape[0], 1)
            value_erasers[entry.name] = ValueEraser(write, read / (read.T @ write), randn(n + 2, 1))
        parts[cond_input] = Part(
            operator=Operator(randn(1, width, rank) / width**0.5, randn(2, width, rank) / width**0.5),
            settings=EraseSettings(EditSettings(), epochs=1, seal=0.9 if with_erasers else 0.0),
            records=(),
            base=fingerprint(accumulate_gram(model.read(entries, str)).total),
            value_erasers=value_erasers,
        )
    encoder = {cond_input: fingerprint(randn(4, 7, part.operator.width)) for cond_input, part in parts.items()}
    return Erasure(parts, parse_concepts("style", "van gogh => art"), encoder, model.family.name)


def make_model(weights: Mapping[str, Tensor]) -> TextModel:
    """A model of these weights."""
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}

    def read(entries: Sequence[TextEntry], on_step: OnStep) -> Iterator[Weight]:
        for entry in entries:
            on_step(entry.name)
            matrix = weights[entry.name][:, slice(*entry.columns or (None,))]
            yield Weight(entry.name, entry.role, matrix, entry.cond_input)

    return TextModel(find_family(shapes), shapes, read)


def change_weights(model: TextModel, erasure: Erasure, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """All of `weights`, erased."""
    erased = {name: weight.clone() for name, weight in weights.items()}
    for cond_input, part in erasure.parts.items():
        entries = model.cond_inputs[cond_input]
        for entry, weight in zip(entries, model.read(entries, str), strict=True):
            erased[entry.name][:, slice(*entry.columns or (None,))] += erasure.change_of(weight)
        for name, change in part.bias_changes(entries, model.shapes, weights.__getitem__).items():
            erased[name] += change
    return erased
