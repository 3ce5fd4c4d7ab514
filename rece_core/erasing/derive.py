"""The embedding that would still bring a concept back (RECE eq. 7 to 12)."""

from __future__ import annotations

from torch import Tensor

from ..algebra.gram import PairGram
from ..algebra.linear_algebra import solve
from .edit import factor_with_ridge


class Derivation:
    """Derives embeddings against one pair of original weights W and edited weights W'.

    The derived c' minimises Σ ‖W' c' − W c‖² + λ ‖c'‖² over all text entries, so c' = (Σ W'ᵀW' + λI)⁻¹ (Σ W'ᵀW) c.
    The system is factorised once, whatever the number of texts.
    """

    def __init__(self, pair: PairGram, ridge: float) -> None:
        """`ridge` is λ, absolute. Raises ValueError when the system is singular."""
        self._lower = factor_with_ridge(pair.edited(), "derivation ridge", ridge)
        self._pair = pair

    def derive(self, tokens: Tensor) -> Tensor:
        """c' for each row c of `tokens` (n, d): (n, d) float64 on the device of the pair's Gram matrices."""
        wide = tokens.to(self._lower.device, self._lower.dtype)
        return solve(self._lower, self._pair.pull_back(wide).T).T


def scaled_derivation_ridge(ridge: float, gram: Tensor, ridge_scale: str) -> float:
    """λ as an absolute number: a relative one is times trace(G)/d, G being the original weights' Gram (d, d)."""
    return ridge if ridge_scale == "absolute" else ridge * float(gram.trace()) / gram.shape[0]
