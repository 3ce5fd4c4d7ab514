"""Gram matrices: all that derivation and measures need to know of matrices W, and of what was done to them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .operator import Operator

# Columns that a product is split into, to compute only one triangle of a symmetric result; and rows of a triangle that
# are copied to the other one at once. On a GPU starting work costs more than the work that small blocks save.
BLOCK, BLOCK_ON_GPU = 192, 512
MIRRORED, MIRRORED_ON_GPU = 32, 1024
ROWS_IN_FLOAT32 = 8192  # rows summed in float32 before the sum is moved to float64


@dataclass(frozen=True)
class ProjectionGram:
    """All that measures need to know of oblique projections (I − s P) W, P = δ wᵀ for each W, with constants s δ ℓ.

    mixed: Σ Wᵀ Pᵀ W; square: Σ Wᵀ PᵀP W; (d, d). raised: Σ Wᵀ δ ℓ; turned: Σ Wᵀ Pᵀ δ ℓ; (d,). size: Σ ‖δ ℓ‖².
    All float64; `strength` is s.
    """

    mixed: Tensor
    square: Tensor
    raised: Tensor
    turned: Tensor
    size: float
    strength: float

    def put_back(self, matrix: Tensor) -> Constant:
        """What the biases add beside (I − s P) W M, M being `matrix` (d, d)."""
        original = self.strength * self.raised.to(matrix)
        change = matrix.T @ (original - self.strength**2 * self.turned.to(matrix)) - original
        return Constant(original, change, self.strength**2 * self.size)


@dataclass(frozen=True)
class Constant:
    """What biases add to every value, b of each layer, beside weights W' = W + F rightᵀ; float64.

    original: Σ Wᵀ b, (d,). change: Σ Fᵀ b, (r,). size: Σ ‖b‖².
    """

    original: Tensor
    change: Tensor
    size: float


@dataclass(frozen=True)
class PairGram:
    """What a pair of original weights W and edited weights W' = W + F rightᵀ has in common; float64 on one device.

    original: Σ Wᵀ W, (d, d). right: (d, r), what of an embedding the change reads. cross: Σ Fᵀ W, (r, d).
    change: Σ Fᵀ F, (r, r). Differences are kept separate, since subtracting two nearly equal Gram matrices afterwards
    would leave rounding noise; in factors, since a change by an operator has low rank. constant: what biases add to
    the edited values, None for nothing.
    """

    original: Tensor
    right: Tensor
    cross: Tensor
    change: Tensor
    constant: Constant | None = None

    @classmethod
    def from_operator(cls, gram: Tensor, operator: Operator) -> PairGram:
        """The pair W, W M without touching the weights: F = W left; `gram` is G = Σ Wᵀ W, (d, d)."""
        left, right = operator.left.to(gram.device), operator.right.to(gram.device)
        cross = left.T @ gram
        return cls(gram, right, cross, cross @ left)

    @classmethod
    def from_operator_and_projections(cls, gram: Tensor, operator: Operator, projections: ProjectionGram) -> PairGram:
        """The pair W, (I − s P) W M and b = s δ ℓ without touching the weights, P = δ wᵀ of each layer."""
        matrix = operator.matrix().to(gram.device)
        mixed, square = projections.mixed.to(gram.device), projections.square.to(gram.device)
        unit = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
        moved = matrix - unit
        lost = (matrix.T @ mixed).mul_(projections.strength)  # Σ (s P W M)ᵀ W
        cross = (moved.T @ gram).sub_(lost)
        # Σ FᵀF, F = W (M − I) − s P W M, in place: wide texts have few of these matrices in memory at once.
        change = (cross @ moved).sub_((lost @ moved).T)
        del lost
        change.addmm_(matrix.T @ square, matrix, alpha=projections.strength**2)
        return cls(gram, unit, cross, change, projections.put_back(matrix))

    def edited(self) -> Tensor:
        """Σ W'ᵀ W' = Mᵀ G M for a change by an operator, (d, d); a new tensor."""
        half = torch.addmm(self.cross, self.change, self.right.T, alpha=0.5)
        moved = self.right @ half
        return self.original + moved.add_(moved.T.clone())

    def pull_back(self, tokens: Tensor) -> Tensor:
        """(Σ W'ᵀ W) c for each row c of `tokens` (n, d): (n, d)."""
        return tokens @ self.original + (tokens @ self.cross.T) @ self.right.T


class SelfProduct:
    """A running Σ Wᵀ W that computes one triangle and leaves float32 before its rounding could matter."""

    def __init__(self, like: Tensor) -> None:
        width = like.shape[1]
        self._total = torch.zeros(width, width, dtype=torch.float64, device=algebra_device(like.device))
        self._part = torch.zeros(width, width, dtype=product_dtype(like), device=like.device)
        self._on_gpu = starts_slowly(like.device)
        self._waiting: list[Tensor] = []  # of a GPU, which multiplies them together
        self._rows = 0
        self._sizes: list[tuple[str, Tensor]] = []  # looked at in the end: one wait for a GPU instead of one a matrix

    def add(self, matrix: Tensor, name: str) -> None:
        """Add the product of one more W, (n, d)."""
        matrix = matrix.detach().to(self._part.device, self._part.dtype)
        # A NaN or infinity anywhere in W, or in its product, shows in its norm or the square of that.
        self._sizes.append((name, torch.linalg.vector_norm(matrix)))
        self._waiting.append(matrix)
        self._rows += matrix.shape[0]
        if not self._on_gpu or self._rows >= ROWS_IN_FLOAT32:
            self._multiply()
        if self._rows >= ROWS_IN_FLOAT32:
            self._flush()

    def find_damaged(self) -> str | None:
        """The name of the first W with which the sum has NaN or infinite numbers; None where all are finite."""
        traces = torch.stack([size for _, size in self._sizes]).square().cumsum(0)
        finite = torch.isfinite(traces).tolist()
        return next((name for (name, _), each in zip(self._sizes, finite, strict=True) if not each), None)

    def finish(self) -> Tensor:
        """The whole symmetric sum, (d, d) float64. Nothing can be added after it."""
        self._multiply()
        self._flush()
        del self._part
        _mirror(self._total, MIRRORED_ON_GPU if self._on_gpu else MIRRORED)
        return self._total

    def _multiply(self) -> None:
        if not self._waiting:
            return
        matrix = self._waiting[0] if len(self._waiting) == 1 else torch.cat(self._waiting)
        self._waiting.clear()
        width, block = matrix.shape[1], BLOCK_ON_GPU if self._on_gpu else BLOCK
        for start in range(0, width, block):
            stop = min(start + block, width)
            self._part[start:stop, start:].addmm_(matrix[:, start:stop].T, matrix[:, start:])

    def _flush(self) -> None:
        self._total += self._part.to(self._total.device)
        self._part.zero_()
        self._rows = 0


def _mirror(matrix: Tensor, rows: int) -> None:
    """Copy the upper triangle of `matrix` (d, d) to the lower one, in place: wide texts' take gigabytes each."""
    width = len(matrix)
    for start in range(0, width, rows):
        stop = min(start + rows, width)
        block = matrix[start:stop, start:stop]
        block.copy_(block.triu() + block.triu(1).T)
        matrix[stop:, start:stop] = matrix[start:stop, stop:].T


def starts_slowly(device: torch.device) -> bool:
    """Whether starting work there costs more than a small product: on a GPU."""
    return device.type not in ("cpu", "mps")


def algebra_device(device: torch.device) -> torch.device:
    """Where d × d matrices of weights on `device` are kept: there, or on the CPU where it has no float64."""
    return torch.device("cpu") if device.type == "mps" else device


def product_dtype(matrix: Tensor) -> torch.dtype:
    """The type that products of `matrix` are formed in: float64 for float64, else float32."""
    return torch.float64 if matrix.dtype == torch.float64 else torch.float32
