"""The change of one weight in few numbers: as two factors of small rank, or as it is where those would be more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

TOLERANCE = 1e-3  # of ‖W' − W‖, what an automatic rank may leave out
STORED = torch.float16  # rounds each number by at most a two-thousandth


@dataclass(frozen=True)
class StoredChange:
    """W' − W in float16, on the CPU: `up` (rows, r) and `down` (r, width) with up down ≈ W' − W, or `diff` itself.

    error: ‖stored − (W' − W)‖ / ‖W' − W‖ (Frobenius), with the rounding.
    """

    parts: Mapping[str, Tensor]
    error: float

    @property
    def rank(self) -> int | None:
        """Rank of the factors; None for a difference."""
        return len(self.parts["down"]) if "down" in self.parts else None


def check_rank(rank: int, width: int) -> None:
    """ValueError unless a LoRA of weights that read embeddings of `width` can have this `rank`; 0 is automatic."""
    if not 0 <= rank <= width:
        raise ValueError(
            f"the LoRA's rank is {rank}; expected 1 to {width}, the width of the text embedding, or 0 for the smallest "
            f"that loses at most {TOLERANCE:.1%} of what changes."
        )


def store_change(
    change: Tensor, factors: tuple[Tensor, Tensor] | None = None, rank: int = 0, as_factors: bool = False
) -> StoredChange:
    """`change` (rows, width), which is not all zero, in few numbers.

    factors: (rows, r) and (r, width) whose product it is, where they are known, which saves time. rank 0: the smallest
    with ‖change_r − change‖ ≤ `TOLERANCE` ‖change‖; unless `as_factors`, the difference where factors would be larger.
    Raises ValueError for a change that float16 cannot hold.
    """
    outward, sizes, inward = _decompose(change, factors)
    tails = sizes.square().flip(0).cumsum(0).flip(0).sqrt()  # what is lost by keeping only the ranks before each
    kept = rank or int((tails > TOLERANCE * tails[0]).sum())
    if not (rank or as_factors) and kept * sum(change.shape) >= change.numel():
        return _store(change, {"diff": change})
    root = sizes[:kept].sqrt()  # factors of one size, which float16 holds best
    return _store(change, {"up": outward[:, :kept] * root, "down": root[:, None] * inward[:kept]})


def _decompose(change: Tensor, factors: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor, Tensor]:
    """The singular value decomposition of `change`."""
    if factors is None or factors[1].shape[0] > min(change.shape):
        return torch.linalg.svd(change, full_matrices=False)
    (outer, left), (inner, right) = torch.linalg.qr(factors[0]), torch.linalg.qr(factors[1].T)
    outward, sizes, inward = torch.linalg.svd(left @ right.T)
    return outer @ outward, sizes, inward @ inner.T


def _store(change: Tensor, parts: Mapping[str, Tensor]) -> StoredChange:
    stored = {name: part.to(STORED) for name, part in parts.items()}
    wide = [part.to(change) for part in stored.values()]
    error = float(((wide[0] if len(wide) == 1 else wide[0] @ wide[1]) - change).norm() / change.norm())
    if not error < float("inf"):
        raise ValueError(
            f"a change of {float(change.abs().max()):.1e} is too large for the 16 bits that a number has in a LoRA. "
            "Raise the edit ridge and erase again, or save the operator."
        )
    return StoredChange({name: part.cpu().contiguous() for name, part in stored.items()}, error)
