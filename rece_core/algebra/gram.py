"""Gram matrices of the text entries: all that derivation and measures need to know of a model's weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from .operator import Operator

BLOCK = 192  # columns a product is split into, to compute only one triangle of a symmetric result
MIRRORED = 32  # rows of a triangle that are copied to the other one at once
VALUE_ROLES = ("value", "input")  # of the text entries that make values
ROWS_IN_FLOAT32 = 8192  # rows summed in float32 before the sum is moved to float64


@dataclass(frozen=True)
class Weight:
    """One text entry as it stands: its name, role (see `TextEntry`), matrix (d_out, d), and conditioning input.

    matrix: only the columns that read the conditioning input.
    """

    name: str
    role: str
    matrix: Tensor
    cond_input: str = "tokens"


@dataclass(frozen=True)
class Gram:
    """G = Σ W_iᵀ W_i over all text entries (`total`) and over those that make values (`values`); (d, d) float64.

    Values are made by value projections and input layers: all but keys.
    """

    total: Tensor
    values: Tensor

    @property
    def width(self) -> int:
        """d, the width of the text embedding."""
        return self.total.shape[0]


@dataclass(frozen=True)
class ValueEraserGram:
    """All that measures need to know of value erasers P = δ wᵀ that put back δ ℓ, over the value weights W.

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
    change: Σ Fᵀ F, (r, r). Differences are kept apart, since subtracting two nearly equal Gram matrices afterwards
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
    def from_operator_and_erasers(cls, gram: Tensor, operator: Operator, erasers: ValueEraserGram) -> PairGram:
        """The pair W, (I − s P) W M and b = s δ ℓ without touching the weights, P = δ wᵀ of each layer."""
        matrix = operator.matrix().to(gram.device)
        mixed, square = erasers.mixed.to(gram.device), erasers.square.to(gram.device)
        unit = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
        moved = matrix - unit
        lost = (matrix.T @ mixed).mul_(erasers.strength)  # Σ (s P W M)ᵀ W
        cross = (moved.T @ gram).sub_(lost)
        # Σ FᵀF, F = W (M − I) − s P W M, in place: wide texts have few of these matrices in memory at once.
        change = (cross @ moved).sub_((lost @ moved).T)
        del lost
        change.addmm_(matrix.T @ square, matrix, alpha=erasers.strength**2)
        return cls(gram, unit, cross, change, erasers.put_back(matrix))

    def edited(self) -> Tensor:
        """Σ W'ᵀ W' = Mᵀ G M for a change by an operator, (d, d); a new tensor."""
        half = torch.addmm(self.cross, self.change, self.right.T, alpha=0.5)
        moved = self.right @ half
        return self.original + moved.add_(moved.T.clone())

    def pull_back(self, tokens: Tensor) -> Tensor:
        """(Σ W'ᵀ W) c for each row c of `tokens` (n, d): (n, d)."""
        return tokens @ self.original + (tokens @ self.cross.T) @ self.right.T


def accumulate_gram(weights: Iterable[Weight]) -> Gram:
    """Sum the Gram matrices of `weights`, one at a time, so that no more than one need be in memory.

    Products are formed in float32 (float64 for float64 weights) on the weight's device and summed in float64.
    Raises ValueError for no weights, unequal widths, NaN or infinite numbers, naming the weight.
    """
    sums: dict[str, _SelfProduct] = {}
    width = None
    for weight in weights:
        width = _check_shape(weight, width)
        if weight.role not in sums:
            sums[weight.role] = _SelfProduct(weight.matrix)
        sums[weight.role].add(weight.matrix, weight.name)
    if not sums:
        raise ValueError("no weights were given; expected at least one that reads the text embedding.")
    # Added up in place, since wide texts have few of these matrices in memory at once.
    total, values = (_add_up(sums, made) for made in (False, True))
    if values is None:
        assert total is not None
        return Gram(total, torch.zeros_like(total))
    return Gram(values if total is None else total.add_(values), values)


def _add_up(sums: dict[str, _SelfProduct], made: bool) -> Tensor | None:
    """The sum over roles that make values, or over those that don't; None where there is none. Empties `sums`."""
    total = None
    for role in [role for role in sums if (role in VALUE_ROLES) == made]:
        part = sums.pop(role).finish()
        total = part if total is None else total.add_(part)
    return total


def accumulate_pair_grams(
    pairs: Iterable[tuple[Weight, Tensor]], constants: Mapping[str, Tensor] = MappingProxyType({})
) -> tuple[PairGram, PairGram]:
    """Gram matrices of any original weights and their edited counterparts (d_out, d), whatever edited them.

    constants: what biases add to the edited values, (d_out,) by the name of the weight. Returns those over all entries
    and those over the value projections alone. Precision and errors are as in `accumulate_gram`.
    """
    joined = accumulate_gram(_join_each(pairs, constants))
    return _split(joined.total), _split(joined.values)


def _join_each(pairs: Iterable[tuple[Weight, Tensor]], constants: Mapping[str, Tensor]) -> Iterator[Weight]:
    """[W, W' − W, b] (d_out, 2 d + 1) for each pair, b only with `constants`: its Gram matrix holds all products."""
    width = None
    for weight, edited in pairs:
        width = _check_shape(weight, width)
        if weight.matrix.shape != edited.shape:
            raise ValueError(
                f"{weight.name} has shape {tuple(weight.matrix.shape)} in the original and {tuple(edited.shape)} in "
                "the edited model. Compare two models of the same family."
            )
        original = weight.matrix.to(dtype=_product_dtype(weight.matrix))
        change = edited.to(original.device, original.dtype) - original
        parts = [original, change]
        if constants:
            constant = constants.get(weight.name, torch.zeros(len(change)))
            parts.append(constant.to(change)[:, None])
        yield Weight(weight.name, weight.role, torch.cat(parts, 1))


def _split(joined: Tensor) -> PairGram:
    width = joined.shape[0] // 2
    first, second, last = slice(width), slice(width, 2 * width), joined[2 * width :]
    unit = torch.eye(width, dtype=joined.dtype, device=joined.device)
    constant = Constant(last[0, first], last[0, second], float(last[0, -1])) if len(last) else None
    return PairGram(joined[first, first], unit, joined[second, first], joined[second, second], constant)


class _SelfProduct:
    """A running Σ Wᵀ W that computes one triangle and leaves float32 before its rounding could matter."""

    def __init__(self, like: Tensor) -> None:
        width = like.shape[1]
        self.total = torch.zeros(width, width, dtype=torch.float64, device=algebra_device(like.device))
        self.part = torch.zeros(width, width, dtype=_product_dtype(like), device=like.device)
        self.rows = 0
        # Of each weight, judged in the end: one wait for a GPU instead of one a weight.
        self.finite: list[tuple[str, Tensor]] = []

    def add(self, matrix: Tensor, name: str) -> None:
        matrix = matrix.detach().to(self.part.device, self.part.dtype)
        width = matrix.shape[1]
        for start in range(0, width, BLOCK):
            stop = min(start + BLOCK, width)
            self.part[start:stop, start:].addmm_(matrix[:, start:stop].T, matrix[:, start:])
        # A NaN or infinity anywhere in a column of W shows on the diagonal of WᵀW, d numbers instead of d_out × d.
        self.finite.append((name, torch.isfinite(self.part.diagonal()).all()))
        self.rows += matrix.shape[0]
        if self.rows >= ROWS_IN_FLOAT32:
            self._flush()

    def finish(self) -> Tensor:
        """The whole symmetric sum, (d, d) float64. Nothing can be added after it."""
        _require_finite(self.finite)
        self._flush()
        del self.part
        _mirror(self.total)
        return self.total

    def _flush(self) -> None:
        self.total += self.part.to(self.total.device)
        self.part.zero_()
        self.rows = 0


def _mirror(matrix: Tensor) -> None:
    """Copy the upper triangle of `matrix` (d, d) to the lower one, in place: wide texts' take gigabytes each."""
    width = len(matrix)
    for start in range(0, width, MIRRORED):
        stop = min(start + MIRRORED, width)
        block = matrix[start:stop, start:stop]
        block.copy_(block.triu() + block.triu(1).T)
        matrix[stop:, start:stop] = matrix[start:stop, stop:].T


def algebra_device(device: torch.device) -> torch.device:
    """Where d × d matrices of weights on `device` are kept: there, or on the CPU where it has no float64."""
    return torch.device("cpu") if device.type == "mps" else device


def _product_dtype(matrix: Tensor) -> torch.dtype:
    return torch.float64 if matrix.dtype == torch.float64 else torch.float32


def _check_shape(weight: Weight, width: int | None) -> int:
    """The width of `weight`; ValueError where it is not a matrix, or not of `width` (None: any)."""
    matrix = weight.matrix
    if matrix.ndim != 2 or matrix.shape[1] != (width or matrix.shape[1]):
        raise ValueError(
            f"{weight.name} has shape {tuple(matrix.shape)}; expected (rows, {width or 'width'}), as every weight "
            "that reads the same text embedding."
        )
    return matrix.shape[1]


def _require_finite(finite: Sequence[tuple[str, Tensor]]) -> None:
    if not bool(torch.stack([each for _, each in finite]).all()):
        name = next(name for name, each in finite if not each)
        raise ValueError(
            f"{name} holds NaN or infinite numbers, so the model is damaged or was merged in too narrow a type. "
            "Load an intact checkpoint."
        )
