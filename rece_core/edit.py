"""One closed-form edit: concept tokens onto anchor tokens (UCE arXiv 2308.14761 eq. 7, RECE eq. 3 to 5)."""

from __future__ import annotations

import torch
from torch import Tensor

from .linear_algebra import factor, solve
from .operator import Operator
from .settings import EditSettings


def solve_edit(sources: Tensor, anchors: Tensor, preserved: Tensor, settings: EditSettings) -> Operator:
    """The operator M that minimises, for every text entry W at once,

        s Σ ‖W M c − W a‖² + λ₁ Σ ‖W M p − W p‖² + λ₂ ‖W M − W‖²

    over rows c of `sources` (n, d) with their a in `anchors` (n, d); `preserved` is Σ p pᵀ, (d, d). All float64 on one
    device. With A = λ₂ I + s Σ c cᵀ + λ₁ Σ p pᵀ the solution is M = I + s Σ (a − c) cᵀ A⁻¹, the same as B A⁻¹ in the
    papers, but of visibly low rank. `settings.ridge` is taken as it stands; see `scaled_ridge`.

    Raises ValueError when A is singular.
    """
    width = sources.shape[1]
    system = torch.addmm(preserved, sources.T, sources, beta=settings.preserve_scale, alpha=settings.erase_scale)
    system.diagonal().add_(settings.ridge)
    lower = factor(system, "edit ridge", settings.ridge)
    shift = (anchors - sources).T * settings.erase_scale
    if len(sources) <= width:
        return Operator(shift, solve(lower, sources.T))
    moved = solve(lower, sources.T @ shift.T).T  # s Σ (a − c) cᵀ A⁻¹ by symmetry of A
    return Operator(moved, torch.eye(width, dtype=sources.dtype, device=sources.device))


def scaled_ridge(settings: EditSettings, sources: Tensor) -> EditSettings:
    """`settings` with an absolute edit ridge: a relative one times the mean square of `sources` (n, d) per number."""
    if settings.ridge_scale == "absolute":
        return settings
    size = float(sources.square().mean())
    return EditSettings(
        settings.erase_scale, settings.preserve_scale, settings.ridge * size, settings.tokens, "absolute"
    )
