"""A small model that reads two conditioning inputs, and a text encoder for it: both random, from a seed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from torch import Tensor

from rece_core.models.families import TextPreprocessor
from rece_core.models.text_entries import Family, TextEntry
from rece_core.models.text_model import TextModel
from rece_core.models.weights import Weight
from rece_core.progress import OnStep
from rece_core.texts.alignment import EncodedText
from tests.core.random_models import randn

WIDTH, POOLED_WIDTH = 24, 16
BLOCKS = ("in.0.attn2", "out.0.attn2")
LABEL = "label_emb.0.0.weight"


def make_weights(seed: int = 0) -> dict[str, Tensor]:
    """Two blocks of cross-attention, and a layer that reads a pooled embedding beside 8 other numbers."""
    weights = {}
    for number, block in enumerate(BLOCKS):
        weights[f"{block}.to_k.weight"] = randn(seed + 10 * number, 10, WIDTH)
        weights[f"{block}.to_v.weight"] = randn(seed + 10 * number + 1, 12, WIDTH)
        weights[f"{block}.to_out.0.weight"] = randn(seed + 10 * number + 2, 14, 12)
        weights[f"{block}.to_out.0.bias"] = randn(seed + 10 * number + 3, 14)
    return {**weights, LABEL: randn(seed + 50, 20, 8 + POOLED_WIDTH), "label_emb.0.0.bias": randn(seed + 51, 20)}


def make_model(weights: Mapping[str, Tensor], preprocessor: TextPreprocessor | None = None) -> TextModel:
    """The model of `weights`, its tokens behind `preprocessor`."""
    entries = [
        TextEntry(f"{block}.to_{role[0]}.weight", role, (10 if role == "key" else 12, WIDTH))
        for block in BLOCKS
        for role in ("key", "value")
    ]
    label = TextEntry(LABEL, "input", (20, POOLED_WIDTH), "pooled", (8, 8 + POOLED_WIDTH))
    family = Family("small", (label, *entries), {} if preprocessor is None else {"tokens": preprocessor})

    def read(chosen: Sequence[TextEntry], on_step: OnStep) -> Iterable[Weight]:
        for entry in chosen:
            on_step(f"read {entry.name}")
            matrix = weights[entry.name]
            columns = matrix if entry.columns is None else matrix[:, slice(*entry.columns)]
            yield Weight(entry.name, entry.role, columns, entry.cond_input)

    return TextModel(family, {name: tuple(weight.shape) for name, weight in weights.items()}, read, weights)


def encode(text: str) -> dict[str, EncodedText]:
    """Six tokens and a pooled embedding, always the same for a text."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
    pooled = EncodedText(text, 3 * randn(seed + 1, 1, POOLED_WIDTH), 0)
    return {"tokens": EncodedText(text, randn(seed, 6, WIDTH), 1 if text.strip() else 0), "pooled": pooled}


def without_bias(model: TextModel, *names: str) -> TextModel:
    """The same, less some weights."""
    return replace(model, shapes={name: shape for name, shape in model.shapes.items() if name not in names})
