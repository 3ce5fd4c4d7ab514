"""The operator M: one d × d matrix that stands for a whole erasure, W' = W M for every text entry W."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from .linear_algebra import UnsolvableError

KRYLOV_STEPS, KRYLOV_BLOCK = 8, 8  # times that M is applied, to so many vectors at once


@dataclass(frozen=True)
class Operator:
    """M = I + left rightᵀ, kept in factors because M − I has low rank: at most the number of edited tokens.

    left, right: (d, r) float64 on one device, r ≤ d. Erased weights are W M; equally, an erased model given the text
    embedding c acts as the original given M c.
    """

    left: Tensor
    right: Tensor
    _converted: dict[tuple[str, torch.dtype, torch.device], Tensor] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if self.left.ndim != 2 or self.left.shape != self.right.shape:
            raise ValueError(
                f"operator factors have shapes {tuple(self.left.shape)} and {tuple(self.right.shape)}; "
                "expected two equal (width, rank)."
            )
        if not self.left.dtype == self.right.dtype == torch.float64:
            raise ValueError(f"operator factors are {self.left.dtype} and {self.right.dtype}; expected torch.float64.")
        # A sum shows any NaN or infinity; both at once, since a GPU is waited for.
        if not torch.isfinite(self.left.sum() + self.right.sum()):
            raise UnsolvableError("the operator holds NaN or infinite numbers. Raise the ridges and erase again.")

    @classmethod
    def identity(cls, width: int, device: torch.device | None = None) -> Operator:
        """The operator that changes nothing, of rank 0, on `device` (by default the CPU)."""
        empty = torch.zeros(width, 0, dtype=torch.float64, device=device)
        return cls(empty, empty)

    @classmethod
    def from_matrix(cls, matrix: Tensor) -> Operator:
        """The operator of a given M (d, d), at full rank."""
        unit = torch.eye(matrix.shape[0], dtype=matrix.dtype, device=matrix.device)
        return cls(matrix - unit, unit)

    @property
    def width(self) -> int:
        """d, the width of the text embedding."""
        return self.left.shape[0]

    @property
    def rank(self) -> int:
        """Number of stored columns r; the rank of M − I once `compressed`."""
        return self.left.shape[1]

    def matrix(self) -> Tensor:
        """M itself, (d, d) float64."""
        unit = torch.eye(self.width, dtype=self.left.dtype, device=self.left.device)
        return torch.addmm(unit, self.left, self.right.T)

    def apply_to_tokens(self, tokens: Tensor) -> Tensor:
        """M c for each row c of `tokens` (..., d), in the tokens' own dtype and device."""
        wide = tokens.to(self.left.device, self.left.dtype)
        return (wide + (wide @ self.right) @ self.left.T).to(tokens.device, tokens.dtype)

    def factors_for(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """`up` (d_out, r) and `down` (r, d) with W M = W + up down: a LoRA of `weight` (d_out, d).

        In float32, or float64 for a float64 weight, on the weight's device. `down` is one tensor for all weights of
        the same dtype and device: share it, do not write to it.
        """
        wide = _widen(weight)
        return wide @ self._convert("left", wide), self._convert("down", wide)

    def change_of(self, weight: Tensor) -> Tensor:
        """W M − W for `weight` (d_out, d), in float32, or float64 for a float64 weight, on the weight's device."""
        if 2 * self.rank > self.width:  # then the factors would take more products than M − I itself
            wide = _widen(weight)
            return wide @ self._convert("change", wide)
        up, down = self.factors_for(weight)
        return up @ down

    def apply_to_weight(self, weight: Tensor) -> Tensor:
        """W M for `weight` (d_out, d), rounded once to the weight's own dtype."""
        wide = _widen(weight)
        if 2 * self.rank > self.width:  # see `change_of`
            return torch.addmm(wide, wide, self._convert("change", wide)).to(weight.dtype)
        up, down = self.factors_for(weight)
        return torch.addmm(wide, up, down).to(weight.dtype)

    def _convert(self, part: str, like: Tensor) -> Tensor:
        """`left`, `down` = rightᵀ or `change` = M − I in the dtype and on the device of `like`, made once."""
        key = (part, like.dtype, like.device)
        if key not in self._converted:
            parts = {
                "left": lambda: self.left,
                "down": lambda: self.right.T,
                "change": lambda: self.left @ self.right.T,
            }
            self._converted[key] = parts[part]().to(like.device, like.dtype).contiguous()
        return self._converted[key]

    def then(self, later: Operator) -> Operator:
        """This erasure followed by `later`, one solved on the weights this one leaves: W M_1 M_2."""
        if self.width != later.width:
            raise ValueError(f"operators of width {self.width} and {later.width} cannot be combined.")
        if self.rank + later.rank > self.width:
            return Operator.from_matrix(self.matrix() @ later.matrix())
        moved = later.left + self.left @ (self.right.T @ later.left)
        return Operator(torch.cat([self.left, moved], 1), torch.cat([self.right, later.right], 1))

    def compressed(self, tolerance: float = 1e-12) -> Operator:
        """The operator of smallest rank within `tolerance` of this one: ‖M − M_r‖ ≤ tolerance ‖M − I‖ (Frobenius)."""
        if self.rank == 0:
            return self
        left_basis, left_part = torch.linalg.qr(self.left)
        right_basis, right_part = torch.linalg.qr(self.right)
        outward, sizes, inward = torch.linalg.svd(left_part @ right_part.T)
        tails = sizes.square().flip(0).cumsum(0).flip(0)  # what would be lost by keeping only the ranks before each
        keep = int((tails > tolerance**2 * tails[0]).sum())
        return Operator(left_basis @ (outward[:, :keep] * sizes[:keep]), right_basis @ inward[:keep].T)

    def condition_number(self) -> float:
        """Ratio of M's largest to its smallest singular value: how hard the erasure is to undo; inf if singular.

        The smallest one is the inverse of M⁻¹'s largest, M⁻¹ = I − left (I + rightᵀ left)⁻¹ rightᵀ (Woodbury).
        """
        if self.rank == 0:
            return 1.0
        unit = torch.eye(self.rank, dtype=self.left.dtype, device=self.left.device)
        inverse, failed = torch.linalg.inv_ex(unit + self.right.T @ self.left)
        if int(failed):
            return float("inf")
        return _largest_singular_value(self.left, self.right) * _largest_singular_value(
            -self.left @ inverse, self.right
        )


def _largest_singular_value(left: Tensor, right: Tensor) -> float:
    """That of I + left rightᵀ, for factors (d, r), by a block Krylov method (Musco & Musco, arXiv 1504.05477).

    Exact for d up to `KRYLOV_STEPS` × `KRYLOV_BLOCK`. Beyond, a decomposition of what is d wide would take longer than
    the rest of an epoch, most of all on a GPU; singular values of M lie far enough apart for some ten digits.
    """
    start = torch.randn(len(left), KRYLOV_BLOCK, dtype=left.dtype, generator=torch.Generator().manual_seed(0))
    powers = [start.to(left.device)]
    for _ in range(KRYLOV_STEPS):
        moved = powers[-1] + left @ (right.T @ powers[-1])
        moved = moved + right @ (left.T @ moved)
        powers.append(moved / moved.norm(dim=0))
    basis = torch.linalg.qr(torch.cat(powers, 1)).Q
    image = basis + left @ (right.T @ basis)
    return float(torch.linalg.eigvalsh(image.T @ image)[-1]) ** 0.5


def _widen(weight: Tensor) -> Tensor:
    """`weight` itself in float32, or float64 where it is, with no memory of how it was computed."""
    return weight.detach().to(torch.promote_types(weight.dtype, torch.float32))
