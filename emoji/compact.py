"""Weights in eight bits for storage: every row of a matrix in steps of its own, vectors in float16."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

#: Where the weights that ship are.
WEIGHTS = Path(__file__).parent / "weights"
_STEP = ".int8_step"
_SMALLEST = 1024


def compress(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights as they are stored: int8 with a step for each row, (rows,) float32, under a name of its own.

    Vectors and what has fewer than 1,024 numbers stay in float16, integers as they are. A row's error is at most half a
    step, 1/254 of its largest number.
    """
    stored: dict[str, Tensor] = {}
    for name, weight in weights.items():
        if not weight.is_floating_point():
            stored[name] = weight.detach().cpu().contiguous()
        elif weight.ndim < 2 or weight.numel() < _SMALLEST:
            stored[name] = weight.detach().cpu().half().contiguous()
        else:
            rows = weight.detach().cpu().float().flatten(1)
            step = rows.abs().amax(1).clamp_min(1e-12) / 127
            stored[name] = (rows / step[:, None]).round().to(torch.int8).view(weight.shape).contiguous()
            stored[name + _STEP] = step
    return stored


def expand(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights again, float16 where they were compressed; what never was is handed on as it is."""
    weights: dict[str, Tensor] = {}
    for name, weight in stored.items():
        if name.endswith(_STEP):
            continue
        step = stored.get(name + _STEP)
        if step is not None:
            weight = (weight.float().flatten(1) * step[:, None]).view(weight.shape).half()
        weights[name] = weight
    return weights
