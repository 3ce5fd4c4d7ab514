"""How well a concept is forgotten, what could be brought back, and what else moved; in closed form.

Every function takes the Gram matrices of a pair of original weights W and edited weights W' (see `PairGram`), so it
measures any edit, ours or not. Token matrices are (n, d) float64 on the device of the pair. Where the pair knows what
biases put back, W'c stands for W'c + b: attention mixes values by weights that sum to 1, so a constant beside them is
one beside each value.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from ..algebra.gram import Constant, PairGram
from ..models.text_entries import TextEntry


def measure_forgotten(pair: PairGram, concepts: Tensor, anchors: Tensor) -> float:
    """1 − Σ‖W'c − W a‖² / Σ‖W c − W a‖².

    1: the concept's words act as the anchor's; 0: they act as before; below 0: they are further from the anchor.
    """
    difference = concepts - anchors
    before = _inner(difference, pair.original, difference)
    read = concepts @ pair.right
    after = before + 2 * _inner(read, pair.cross, difference) + _inner(read, pair.change, read)
    if pair.constant is not None:
        after = after + 2 * (difference @ pair.constant.original).sum() + _put_back(pair.constant, read)
    return 1 - _ratio(after, before)


def measure_recoverable(values: PairGram, concepts: Tensor, anchors: Tensor, derived: Tensor) -> float:
    """Share of the target that the derived embedding still brings back through the value projections.

    Each token's own direction in value space is t = W_v (c − a). The measure is the least-squares slope of what the
    derived embedding adds to the anchor, W'_v c' − W_v a, along it: Σ⟨t, W'_v c' − W_v a⟩ / Σ‖t‖².
    1: all of it, as the original does on c; 0: nothing, it acts as the anchor. `values` is the pair over the value
    projections alone.
    """
    difference = concepts - anchors
    directions = difference @ values.original
    added = torch.sum(directions * (derived - anchors)) + _inner(derived @ values.right, values.cross, difference)
    if values.constant is not None:
        added = added + (difference @ values.constant.original).sum()
    return _ratio(added, torch.sum(directions * difference))


def measure_norm_ratio(concepts: Tensor, derived: Tensor) -> float:
    """‖c'‖ / ‖c‖ (Frobenius): how far out of the ordinary the derived embedding has to go."""
    return _ratio(derived.norm(), concepts.norm())


def measure_drift(pair: PairGram, probes: Tensor) -> float:
    """√(Σ‖W'p − W p‖² / Σ‖W p‖²) over tokens of benign probe texts: collateral damage; 0 is none."""
    read = probes @ pair.right
    moved = _inner(read, pair.change, read)
    if pair.constant is not None:
        moved = moved + _put_back(pair.constant, read)
    # A change of exactly zero may come out as a rounding error below it.
    return max(_ratio(moved, _inner(probes, pair.original, probes)), 0.0) ** 0.5


def measure_share_changed(entries: Iterable[TextEntry], shapes: Iterable[tuple[int, ...]]) -> float:
    """Share of a model's parameters, given as the shapes of all its weights, that lies in its text `entries`."""
    whole = sum(math.prod(shape) for shape in shapes)
    return sum(math.prod(entry.shape) for entry in entries) / whole if whole else float("nan")


def _put_back(constant: Constant, read: Tensor) -> Tensor:
    """What b adds to Σ ‖F rightᵀc‖² over tokens c: Σ ‖F rightᵀc + b‖² less it; `read` is rightᵀc, a row a token."""
    return 2 * (read @ constant.change).sum() + len(read) * constant.size


def _inner(left: Tensor, metric: Tensor, right: Tensor) -> Tensor:
    return torch.sum((left @ metric) * right)


def _ratio(part: Tensor, whole: Tensor) -> float:
    """Both in one copy from the device, which has to be waited for."""
    above, below = torch.stack([part, whole]).tolist()
    return above / below if below else float("nan")
