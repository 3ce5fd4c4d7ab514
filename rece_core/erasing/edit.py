"""One closed-form edit: concept tokens onto anchor tokens (UCE arXiv 2308.14761 eq. 7, RECE eq. 3 to 5)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..algebra.linear_algebra import UnsolvableError, factor, solve
from ..algebra.operator import Operator
from ..algebra.protected_subspace import ProtectedSubspace
from .settings import EditSettings


@dataclass(frozen=True)
class PairSums:
    """All that an edit needs to know of its pairs (c, a), however many: `sources` Σ c cᵀ, `shift` Σ (a − c) cᵀ and
    `differences` Σ (a − c)(a − c)ᵀ; (d, d) float64.
    """

    sources: Tensor
    shift: Tensor
    differences: Tensor

    @classmethod
    def of(cls, sources: Tensor, anchors: Tensor) -> PairSums:
        """The sums over rows c of `sources` (n, d) and their a in `anchors` (n, d)."""
        shift = anchors - sources
        return cls(sources.T @ sources, shift.T @ sources, shift.T @ shift)


def solve_edit(
    sources: Tensor,
    anchors: Tensor,
    preserved: Tensor,
    settings: EditSettings,
    subspace: ProtectedSubspace | None = None,
) -> Operator:
    """The operator M that minimises, for every text entry W at once,

        s Σ ‖W M c − W a‖² + λ₁ Σ ‖W M p − W p‖² + λ₂ ‖W M − W‖²

    over rows c of `sources` (n, d) with their a in `anchors` (n, d); `preserved` is Σ p pᵀ, (d, d). All float64 on one
    device. With A = λ₂ I + s Σ c cᵀ + λ₁ Σ p pᵀ the solution is M = I + s Σ (a − c) cᵀ A⁻¹, the same as B A⁻¹ in the
    papers, but of visibly low rank. `settings.ridge` is taken as it stands; see `scaled_ridge`. With a
    `subspace`, M reads nothing along it: the same with P c and P p for what is read, see `protected_subspace`.

    Raises ValueError when A is singular.
    """
    if len(sources) > sources.shape[1]:
        return solve_sums(PairSums.of(sources, anchors), preserved, settings, subspace)
    read = sources if subspace is None else subspace.project(sources)
    lower = _factor(read.T @ read, preserved, settings, subspace)
    right = solve(lower, read.T)
    if subspace is not None:
        right = subspace.project(right.T).T
    return Operator((anchors - sources).T * settings.erase_scale, right)


def solve_sums(
    sums: PairSums, preserved: Tensor, settings: EditSettings, subspace: ProtectedSubspace | None = None
) -> Operator:
    """The same, from sums over the pairs: its cost does not depend on how many there are."""
    square, shift = sums.sources, sums.shift
    if subspace is not None:
        square, shift = subspace.project_gram(square), subspace.project(shift)
    moved = solve(_factor(square, preserved, settings, subspace), settings.erase_scale * shift.T).T  # by symmetry of A
    unit = torch.eye(len(square), dtype=square.dtype, device=square.device)
    return Operator(moved, unit if subspace is None else subspace.project(unit))


def _factor(square: Tensor, preserved: Tensor, settings: EditSettings, subspace: ProtectedSubspace | None) -> Tensor:
    """The factor of A, for `square` Σ c cᵀ."""
    kept = preserved if subspace is None else subspace.project_gram(preserved)
    system = (settings.preserve_scale * kept).add_(square, alpha=settings.erase_scale)
    return factor_with_ridge(system, "edit ridge", settings.ridge)


def factor_with_ridge(system: Tensor, name: str, ridge: float) -> Tensor:
    """The Cholesky factor (d, d) of `system` + `ridge` I; `system` (d, d) float64 is changed.

    Raises UnsolvableError, naming the ridge, where that is singular: without a ridge a system with fewer tokens than
    dimensions has no unique solution.
    """
    system.diagonal().add_(ridge)
    try:
        return factor(system)
    except UnsolvableError as error:
        raise UnsolvableError(
            f"the {name} is {ridge:g}, which leaves a system that is singular in double precision. "
            f"Raise the {name}; the paper uses 0.1 for edits and 0.001 to 0.1 for derivations."
        ) from error


def scaled_ridge(settings: EditSettings, sources: Tensor) -> EditSettings:
    """`settings` with an absolute edit ridge: a relative one times the mean square of `sources` (n, d) per number."""
    if settings.ridge_scale == "absolute":
        return settings
    size = float(sources.square().mean())
    return replace(settings, ridge=settings.ridge * size, ridge_scale="absolute")
