"""The orthogonal edit: each text entry's output is turned, so that a concept's goes where its anchor's lies (OCE).

Per projection W' = P W with PᵀP = I (arXiv 2605.28902). Of all orthogonal_maps, P is the one that maximises

    tr(P Z),   Z = −R (I − R*) + W K Wᵀ,

R and R* projecting on the spans of W c over concepts and W a over anchors, K the second moment of what is kept: kept
outputs stay where they are, and the concept's leave what is not the anchor's. With Z = U S Vᵀ it is P = V Uᵀ
(orthogonal Procrustes). It acts from the left and needs every weight, so it is no operator on the text.
"""

from __future__ import annotations

import torch
from torch import Tensor

_ENERGY = 0.99  # share of the outputs' energy that counts as their span


def solve_orthogonal(weight: Tensor, sources: Tensor, anchors: Tensor, kept: Tensor, scale: float) -> Tensor:
    """P (d_out, d_out) for a `weight` W (d_out, d), from tokens (n, d) and kept moment K (d, d), all float64.

    `scale` weighs what is erased against what is kept, W K Wᵀ being taken relative to its mean eigenvalue, since R has
    eigenvalues of 1.
    """
    leave, stay = (_project_on_span(tokens @ weight.T) for tokens in (sources, anchors))
    outputs = weight @ kept @ weight.T
    balance = len(outputs) / float(outputs.trace())
    system = scale * (leave @ stay - leave) + balance * outputs
    left, _, right = torch.linalg.svd(system)
    return right.T @ left.T


def _project_on_span(rows: Tensor) -> Tensor:
    energies, directions = torch.linalg.eigh(rows.T @ rows)
    small = energies.clamp_min(0).cumsum(0) <= (1 - _ENERGY) * float(energies.sum())
    basis = directions[:, ~small]
    return basis @ basis.T
