"""Fingerprints that survive storage types: a few numbers that say which text encoder, or which model, it was.

A hash of the weights would call the fp16 copy of a checkpoint a different model. So a fingerprint is a short sketch of
what the thing does, compared with a tolerance wide enough for fp16 and bf16 and far too narrow for other weights. Of a
text encoder it tells how different two are: one in fp8 gives embeddings a few percent off, which is still the same one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..texts.alignment import EncodedText

TOLERANCE = 0.02  # bf16 rounds each weight by up to 0.4 %
CLOSE = 0.25  # of text encoders in fp8: a few percent in CLIP, more in deep ones; other encoders are 1 apart
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
    if rows == 1:
        sketch = wide @ _cosines(columns, 2 * half, 6).T / size
    else:  # other frequencies on either side: of a Gram matrix, shared ones would see little but its large diagonal
        sketch = _cosines(rows, half, 3) @ wide @ _cosines(columns, 2, 6).T / size
    return (*(round(float(x), 6) for x in sketch.flatten()), math.log10(size), float(f"{rows}.{columns:06d}"))


def same_fingerprint(first: Sequence[float], second: Sequence[float]) -> bool:
    """Whether two fingerprints are of the same thing, up to the rounding of storage types."""
    if len(first) != len(second) or first[-1] != second[-1]:
        return False
    return math.dist(first[:-1], second[:-1]) <= TOLERANCE * math.hypot(*first[:-1])


def fingerprint_inputs(cond_inputs: Mapping[str, EncodedText]) -> dict[str, Fingerprint]:
    """The fingerprints of a text encoder by what it gives of a fixed text: one for each input, and each segment.

    Of the rows up to the last word, padding aside, each counting alike whatever its size: the start token of some
    encoders is a hundred times as large as the words, and in SD3 the rows of CLIP are larger than those of T5. The size
    is that of the rows on (geometric) average.
    """
    found = {}
    for cond_input, text in cond_inputs.items():
        for index, segment in enumerate(text.segments()):
            rows = segment.tokens[: max(0, segment.last_word) + 1].to("cpu", torch.float64)
            sizes = rows.square().mean(1, keepdim=True).sqrt().clamp_min(1e-12)
            sketch = fingerprint((rows / sizes).reshape(1, -1))[:-2]
            shape = float(f"{len(segment.tokens)}.{rows.shape[1]:06d}")
            found[f"{cond_input}.{index}" if index else cond_input] = (
                *sketch,
                round(float(sizes.log10().mean()), 6),
                shape,
            )
    return found


def estimate_difference(first: Sequence[float], second: Sequence[float]) -> float:
    """About how different two text encoders are, from their fingerprints: relative, root mean square over embeddings.

    The projections are orthonormal and the rows of unit size, so a random change shows in each number as it is.
    Infinite for other shapes.
    """
    if len(first) != len(second) or first[-1] != second[-1]:
        return math.inf
    count = len(first) - 2
    return math.hypot(
        math.dist(first[:count], second[:count]) / math.sqrt(count), math.log(10) * (first[-2] - second[-2])
    )


def _cosines(length: int, count: int, first: int) -> Tensor:
    """`count` orthonormal cosine vectors, every seventh from frequency `first` on, (count, length) float64."""
    position = (torch.arange(length, dtype=torch.float64) + 0.5) * (math.pi / length)
    frequency = torch.arange(count, dtype=torch.float64)[:, None] * 7 + first
    return torch.cos(frequency * position) * math.sqrt(2 / length)
