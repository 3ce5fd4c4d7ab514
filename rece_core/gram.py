"""Gram matrices of the text entries: all that derivation and measures need to know of a model's weights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from .operator import Operator

BLOCK = 256  # columns a product is split into, to compute only one triangle of a symmetric result
ROWS_IN_FLOAT32 = 8192  # rows summed in float32 before the sum is moved to float64


@dataclass(frozen=True)
class Weight:
    """One text entry as it stands: its name, its role (`key` or `value`), its matrix (d_out, d)."""

    name: str
    role: str
    matrix: Tensor


@dataclass(frozen=True)
class Gram:
    """G = Σ W_iᵀ W_i over all text entries (`total`) and over value projections alone (`values`); (d, d) float64."""

    total: Tensor
    values: Tensor

    @property
    def width(self) -> int:
        """d, the width of the text embedding."""
        return self.total.shape[0]


@dataclass(frozen=True)
class PairGram:
    """What a pair of original and edited weights has in common; all (d, d) float64, with E = W' − W.

    original: Σ Wᵀ W. cross: Σ Eᵀ W. change: Σ Eᵀ E. Differences are kept apart, since subtracting two nearly equal
    Gram matrices afterwards would leave rounding noise.
    """

    original: Tensor
    cross: Tensor
    change: Tensor

    @classmethod
    def from_operator(cls, gram: Tensor, operator: Operator) -> PairGram:
        """The pair W, W M: Σ W'ᵀW' = Mᵀ G M without touching the weights; `gram` is G (d, d)."""
        left, right = operator.left.to(gram.device), operator.right.to(gram.device)
        projected = gram @ left
        return cls(gram, right @ projected.T, right @ (left.T @ projected) @ right.T)

    def edited(self) -> Tensor:
        """Σ W'ᵀ W'."""
        return self.original + self.cross + self.cross.T + self.change


def accumulate_gram(weights: Iterable[Weight]) -> Gram:
    """Sum the Gram matrices of `weights`, one at a time, so that no more than one need be in memory.

    Products are formed in float32 (float64 for float64 weights) on the weight's device and summed in float64.
    Raises ValueError for no weights, unequal widths, NaN or infinite numbers, naming the weight.
    """
    sums: dict[str, _SelfProduct] = {}
    for weight in _checked(weights):
        if weight.role not in sums:
            sums[weight.role] = _SelfProduct(weight.matrix)
        sums[weight.role].add(weight.matrix, weight.name)
    parts = {role: product.finish() for role, product in sums.items()}
    total = torch.stack(list(parts.values())).sum(0)
    return Gram(total, parts.get("value", torch.zeros_like(total)))


def accumulate_pair_grams(pairs: Iterable[tuple[Weight, Tensor]]) -> tuple[PairGram, PairGram]:
    """Gram matrices of any original weights and their edited counterparts (d_out, d), whatever edited them.

    Returns those over all entries and those over the value projections alone. Errors as in `accumulate_gram`.
    """
    sums: dict[str, Tensor] = {}
    for weight, edited in pairs:
        if weight.matrix.shape != edited.shape:
            raise ValueError(
                f"{weight.name} has shape {tuple(weight.matrix.shape)} in the original and {tuple(edited.shape)} in "
                "the edited model. Compare two models of the same family."
            )
        original = weight.matrix.to(dtype=_product_dtype(weight.matrix))
        change = edited.to(original.device, original.dtype) - original
        terms = torch.stack([original.T @ original, change.T @ original, change.T @ change])
        _require_finite(weight.name, terms[0], terms[2])
        terms = terms.to(algebra_device(terms.device), torch.float64)
        sums[weight.role] = sums[weight.role] + terms if weight.role in sums else terms
    if not sums:
        raise ValueError(_NO_WEIGHTS)
    total = torch.stack(list(sums.values())).sum(0)
    return PairGram(*total), PairGram(*sums.get("value", torch.zeros_like(total)))


class _SelfProduct:
    """A running Σ Wᵀ W that computes one triangle and leaves float32 before its rounding could matter."""

    def __init__(self, like: Tensor) -> None:
        width = like.shape[1]
        self.total = torch.zeros(width, width, dtype=torch.float64, device=algebra_device(like.device))
        self.part = torch.zeros(width, width, dtype=_product_dtype(like), device=like.device)
        self.rows = 0

    def add(self, matrix: Tensor, name: str) -> None:
        matrix = matrix.to(self.part.device, self.part.dtype)
        width = matrix.shape[1]
        for start in range(0, width, BLOCK):
            stop = min(start + BLOCK, width)
            self.part[start:, start:stop].addmm_(matrix[:, start:].T, matrix[:, start:stop])
        _require_finite(name, self.part)
        self.rows += matrix.shape[0]
        if self.rows >= ROWS_IN_FLOAT32:
            self._flush()

    def finish(self) -> Tensor:
        """The whole symmetric sum, (d, d) float64."""
        self._flush()
        lower = self.total.tril()
        return lower + lower.tril(-1).T

    def _flush(self) -> None:
        self.total += self.part.to(self.total.device, torch.float64)
        self.part.zero_()
        self.rows = 0


_NO_WEIGHTS = "no weights were given; expected at least one that reads the text embedding."


def algebra_device(device: torch.device) -> torch.device:
    """Where d × d matrices of weights on `device` are kept: there, or on the CPU where it has no float64."""
    return torch.device("cpu") if device.type == "mps" else device


def _product_dtype(matrix: Tensor) -> torch.dtype:
    return torch.float64 if matrix.dtype == torch.float64 else torch.float32


def _checked(weights: Iterable[Weight]) -> Iterable[Weight]:
    width = None
    for weight in weights:
        matrix = weight.matrix
        if matrix.ndim != 2 or matrix.shape[1] != (width or matrix.shape[1]):
            raise ValueError(
                f"{weight.name} has shape {tuple(matrix.shape)}; expected (rows, {width or 'width'}), as every weight "
                "that reads the same text embedding."
            )
        width = matrix.shape[1]
        yield weight
    if width is None:
        raise ValueError(_NO_WEIGHTS)


def _require_finite(name: str, *products: Tensor) -> None:
    # A NaN or infinity anywhere in a column of W shows on the diagonal of WᵀW, d numbers instead of d_out × d.
    if not all(torch.isfinite(product.diagonal()).all() for product in products):
        raise ValueError(
            f"{name} holds NaN or infinite numbers, so the model is damaged or was merged in too narrow a type. "
            "Load an intact checkpoint."
        )
