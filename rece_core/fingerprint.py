"""Fingerprints that survive storage types: a few numbers that say which text encoder, or which model, it was.

A hash of the weights would call the fp16 copy of a checkpoint a different model. So a fingerprint is a short sketch of
what the thing does, compared with a tolerance wide enough for fp16 and bf16 and far too narrow for other weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

TOLERANCE = 0.02  # bf16 rounds each weight by up to 0.4 %
LENGTH = 16

Fingerprint = tuple[float, ...]


def fingerprint(matrix: Tensor) -> Fingerprint:
    """A sketch of `matrix` (n, d), any float dtype: 16 numbers of order 1, scaled by the matrix's mean size.

    Each number is a projection of the rows and columns onto fixed cosines. Of a text encoder, sketch the tokens of a
    fixed text; of a model, its Gram matrix. The last numbers hold the shape and the size.
    """
    wide = matrix.to("cpu", torch.float64)
    rows, columns = wide.shape
    size = float(wide.square().mean().sqrt()) or 1.0
    half = LENGTH // 2 - 1
    # Other frequencies on either side: of a Gram matrix, shared ones would see little but its large diagonal.
    sketch = _cosines(rows, half, 3) @ wide @ _cosines(columns, 2, 6).T / size
    return (*(round(float(x), 6) for x in sketch.flatten()), math.log10(size), float(f"{rows}.{columns:06d}"))


def same_fingerprint(first: Sequence[float], second: Sequence[float]) -> bool:
    """Whether two fingerprints are of the same thing, up to the rounding of storage types."""
    if len(first) != len(second) or first[-1] != second[-1]:
        return False
    return math.dist(first[:-1], second[:-1]) <= TOLERANCE * math.hypot(*first[:-1])


def _cosines(length: int, count: int, first: int) -> Tensor:
    """`count` orthonormal cosine vectors, every seventh from frequency `first` on, (count, length) float64."""
    position = (torch.arange(length, dtype=torch.float64) + 0.5) * (math.pi / length)
    frequency = torch.arange(count, dtype=torch.float64)[:, None] * 7 + first
    return torch.cos(frequency * position) * math.sqrt(2 / length)
