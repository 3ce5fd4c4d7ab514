"""Strict preservation: directions of the text embedding that an edit may not read (SPEED, arXiv 2503.07392).

An edit M = I + F rightᵀ leaves a token p as it is, exactly, where rightᵀ p = 0. So the edit is confined to right
factors orthogonal to the tokens to protect. In full, preserved tokens span all of the space and nothing could be
edited; but nearly all of their energy lies in few directions, and it is those that are protected (the near-null space
of SPEED, and of AlphaEdit, arXiv 2410.02355). With P the orthogonal projector off the protected directions, the edit is
that of `edit` with P c for every token that the edit reads:

    min over D of  s Σ ‖W (D P c + c − a)‖² + Σ λ ‖W D P p‖² + λ₂ ‖W D P‖²,   M = I + D P.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

_NUMERICAL_RANK = 1e-6  # singular values below this share of the largest are rounding of the encoder
_ABLE_TO_MOVE = 1e-6


@dataclass(frozen=True)
class ProtectedSubspace:
    """Orthonormal `basis` (d, k) float64 of the directions that an edit may not read."""

    basis: Tensor

    def project(self, tokens: Tensor) -> Tensor:
        """P p for each row p of `tokens` (n, d): what an edit may read of them."""
        return tokens - (tokens @ self.basis) @ self.basis.T

    def project_gram(self, gram: Tensor) -> Tensor:
        """P K P for a symmetric K (d, d)."""
        return self.project(self.project(gram).T)


def protect(exact: Tensor, moment: Tensor, free_share: float) -> ProtectedSubspace:
    """Directions to protect: all that `exact` (n, d) spans, then the leading ones of `moment` E[p pᵀ] (d, d).

    So many of the latter that at most `free_share` of the trace of `moment` stays free. float64 on one device.
    """
    return next(protect_in_turn(exact, moment, (free_share,)))


def protect_in_turn(exact: Tensor, moment: Tensor, free_shares: Iterable[float]) -> Iterator[ProtectedSubspace]:
    """What `protect` gives for each of `free_shares`, by one decomposition."""
    first = ProtectedSubspace(_span(exact))
    energies, directions = torch.linalg.eigh(first.project_gram(moment))
    shares = energies.clamp_min(0).cumsum(0) / moment.trace()  # ascending: the smallest come first
    for share in free_shares:
        yield ProtectedSubspace(torch.linalg.qr(torch.cat([first.basis, directions[:, shares > share].flip(1)], 1)).Q)


def require_room(subspace: ProtectedSubspace, sources: Tensor, free_share: float) -> None:
    """ValueError where nothing is left to edit: the concept lies in what is protected. `sources`: its tokens (n, d)."""
    left = float(subspace.project(sources).square().sum() / sources.square().sum())
    if left < _ABLE_TO_MOVE:
        raise ValueError(
            f"strict preservation leaves nothing to edit: with a free share of {free_share:g}, "
            f"{subspace.basis.shape[1]} of {len(subspace.basis)} directions are protected, and the target can still "
            f"move by {left:.1e} of itself. "
            "Raise the free share, preserve fewer texts, or choose mode 'prior'."
        )


def _span(rows: Tensor) -> Tensor:
    """Orthonormal basis (d, r) of what the rows (n, d) span, to numerical rank."""
    if not len(rows):
        return rows.new_zeros(rows.shape[1], 0)
    _, sizes, directions = torch.linalg.svd(rows, full_matrices=False)
    return directions[sizes > _NUMERICAL_RANK * sizes[0]].T
