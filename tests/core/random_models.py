"""Small random models and texts for tests, made from a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rece_core.algebra.operator import Operator
from rece_core.erasing.erase import EncodedConcepts
from rece_core.models.weights import Gram, Weight, accumulate_gram
from rece_core.texts.alignment import EncodedText


def randn(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Standard normal numbers, the same for the same seed."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def unit(width: int) -> Tensor:
    """I, (width, width) float64."""
    return torch.eye(width, dtype=torch.float64)


def make_weights(seed: int, width: int, heights: Sequence[int] = (7, 12, 9, 16)) -> list[Weight]:
    """Keys and values in turn, (height, width) float64."""
    return [
        Weight(f"blocks.{i}.attn2.to_{'kv'[i % 2]}.weight", ("key", "value")[i % 2], randn(seed + i, height, width))
        for i, height in enumerate(heights)
    ]


def make_text(seed: int, width: int, count: int = 6, text: str = "words", last_word: int = 1) -> EncodedText:
    """`count` random tokens."""
    return EncodedText(text, randn(seed, count, width), last_word)


def make_operator(seed: int, width: int, rank: int) -> Operator:
    """A random operator of moderate size."""
    return Operator(0.5 * randn(seed, width, rank), 0.5 * randn(seed + 1, width, rank))


def deviation(found: Tensor, expected: Tensor) -> float:
    """‖found − expected‖ / ‖expected‖."""
    return float((found - expected).norm() / expected.norm())


@dataclass(frozen=True)
class Scene:
    """A model with its Gram matrix, and two concepts to erase from it."""

    weights: list[Weight]
    gram: Gram
    texts: EncodedConcepts


def make_scene(seed: int = 0, width: int = 24, targets: int = 2) -> Scene:
    """Two concepts of six tokens, two preserved texts, one probe."""
    weights = make_weights(seed, width)
    texts = EncodedConcepts(
        targets=tuple(make_text(seed + 100 + i, width, text=f"target {i}", last_word=1 + i) for i in range(targets)),
        anchors=tuple(make_text(seed + 200 + i, width, text=f"anchor {i}", last_word=1) for i in range(targets)),
        preserved=(make_text(seed + 300, width), make_text(seed + 301, width)),
        probes=(make_text(seed + 400, width),),
    )
    return Scene(weights, accumulate_gram(weights), texts)
