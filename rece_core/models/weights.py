"""The weights that read the text, and their Gram matrices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from ..algebra.gram import Constant, PairGram, SelfProduct, product_dtype

VALUE_ROLES = ("value", "input")  # of the weights that make values


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


def accumulate_gram(weights: Iterable[Weight]) -> Gram:
    """Sum the Gram matrices of `weights`, one at a time, so that no more than one need be in memory.

    Products are formed in float32 (float64 for float64 weights) on the weight's device and summed in float64.
    Raises ValueError for no weights, unequal widths, NaN or infinite numbers, naming the weight.
    """
    sums: dict[str, SelfProduct] = {}
    width = None
    for weight in weights:
        width = _check_shape(weight, width)
        if weight.role not in sums:
            sums[weight.role] = SelfProduct(weight.matrix)
        sums[weight.role].add(weight.matrix, weight.name)
    if not sums:
        raise ValueError("no weights were given; expected at least one that reads the text embedding.")
    # Added up in place, since wide texts have few of these matrices in memory at once.
    total, values = (_add_up(sums, made) for made in (False, True))
    if values is None:
        assert total is not None
        return Gram(total, torch.zeros_like(total))
    return Gram(values if total is None else total.add_(values), values)


def _add_up(sums: dict[str, SelfProduct], made: bool) -> Tensor | None:
    """The sum over roles that make values, or over those that don't; None where there is none. Empties `sums`."""
    total = None
    for role in [role for role in sums if (role in VALUE_ROLES) == made]:
        _require_finite(sums[role].find_damaged())
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
        original = weight.matrix.to(dtype=product_dtype(weight.matrix))
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


def _check_shape(weight: Weight, width: int | None) -> int:
    """The width of `weight`; ValueError where it is not a matrix, or not of `width` (None: any)."""
    matrix = weight.matrix
    if matrix.ndim != 2 or matrix.shape[1] != (width or matrix.shape[1]):
        raise ValueError(
            f"{weight.name} has shape {tuple(matrix.shape)}; expected (rows, {width or 'width'}), as every weight "
            "that reads the same text embedding."
        )
    return matrix.shape[1]


def _require_finite(damaged: str | None) -> None:
    if damaged is not None:
        raise ValueError(
            f"{damaged} holds NaN or infinite numbers, so the model is damaged or was merged in too narrow a type. "
            "Load an intact checkpoint."
        )
