"""One closed-form edit: concept tokens onto anchor tokens (UCE arXiv 2308.14761 eq. 7, RECE eq. 3 to 5)."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from .held import Held
from .linear_algebra import factor, solve
from .operator import Operator
from .settings import EditSettings


def solve_edit(
    sources: Tensor, anchors: Tensor, preserved: Tensor, settings: EditSettings, held: Held | None = None
) -> Operator:
    """The operator M that minimises, for every text entry W at once,

        s Σ ‖W M c − W a‖² + λ₁ Σ ‖W M p − W p‖² + λ₂ ‖W M − W‖²

    over rows c of `sources` (n, d) with their a in `anchors` (n, d); `preserved` is Σ p pᵀ, (d, d). All float64 on one
    device. With A = λ₂ I + s Σ c cᵀ + λ₁ Σ p pᵀ the solution is M = I + s Σ (a − c) cᵀ A⁻¹, the same as B A⁻¹ in the
    papers, but of visibly low rank. `settings.ridge` is taken as it stands; see `scaled_ridge`. With `held`, M reads
    nothing along those directions: the same with P c and P p for what is read, see `held`.

    Raises ValueError when A is singular.
    """
    width = sources.shape[1]
    shift = (anchors - sources).T * settings.erase_scale
    if held is not None:
        sources, preserved = held.project(sources), held.project_gram(preserved)
    system = torch.addmm(preserved, sources.T, sources, beta=settings.preserve_scale, alpha=settings.erase_scale)
    system.diagonal().add_(settings.ridge)
    lower = factor(system, "edit ridge", settings.ridge)
    if len(sources) <= width:
        read = solve(lower, sources.T).T
        return Operator(shift, (read if held is None else held.project(read)).T)
    moved = solve(lower, sources.T @ shift.T).T  # s Σ (a − c) cᵀ A⁻¹ by symmetry of A
    unit = torch.eye(width, dtype=sources.dtype, device=sources.device)
    return Operator(moved, unit if held is None else held.project(unit))


def scaled_ridge(settings: EditSettings, sources: Tensor) -> EditSettings:
    """`settings` with an absolute edit ridge: a relative one times the mean square of `sources` (n, d) per number."""
    if settings.ridge_scale == "absolute":
        return settings
    size = float(sources.square().mean())
    return replace(settings, ridge=settings.ridge * size, ridge_scale="absolute")
