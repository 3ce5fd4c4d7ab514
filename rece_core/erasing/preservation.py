"""What an edit keeps: preserved texts, the prior, and protected directions, weighed as the mode says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..algebra.operator import Operator
from ..algebra.protected_subspace import ProtectedSubspace, protect_in_turn, require_room
from ..models.weights import Gram
from ..texts.alignment import EncodedText, stack_tokens
from ..texts.prior import Prior
from .edit import PairSums, solve_edit, solve_sums
from .settings import EditSettings

FREE_SHARES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)  # tried in turn, from strict to loose
ENOUGH = 0.95  # the strictest share that still forgets this much of what mode `prior` forgets is taken


@dataclass(frozen=True)
class EditProblem:
    """One edit: tokens `sources` (n, d) onto `anchors` (n, d), keeping the weighed moment `kept` (d, d); float64."""

    sources: Tensor
    anchors: Tensor
    kept: Tensor
    settings: EditSettings
    subspace: ProtectedSubspace | None


class Preservation:
    """Weighs what is kept against what is erased, for one list of preserved texts."""

    def __init__(self, preserved: Sequence[EncodedText], prior: Prior | None, settings: EditSettings, gram: Gram):
        """Raises ValueError where the mode needs a prior and there is none, or one of another width."""
        self._gram, self._settings, self._prior = gram, settings, prior
        self._texts, self._count = _sum_tokens(preserved, gram)
        self._subspace: ProtectedSubspace | None = None
        if settings.mode != "paper":
            _check_prior(prior, settings.mode, gram.width)

    def instead_of(self, preserved: Sequence[EncodedText]) -> Preservation:
        """The same for another list."""
        other = Preservation(preserved, self._prior, self._settings, self._gram)
        other._subspace = self._subspace
        return other

    def protect(self, exact: Sequence[EncodedText], sources: Tensor, anchors: Tensor) -> None:
        """In mode `strict`: choose the directions to protect; `exact` texts whole. ValueError where no room is left."""
        if self._settings.mode != "strict":
            return
        assert self._prior is not None
        rows = stack_tokens(exact, self._gram.width).to(self._gram.total)
        moment = self._prior.moment.to(rows)
        if self._count:
            moment = (moment + self._texts / self._count) / 2
        shares = FREE_SHARES if self._settings.free_share is None else (self._settings.free_share,)
        sums, kept = PairSums.of(sources, anchors), self.problem(sources, anchors).kept
        goal = ENOUGH * self._forgotten(sums, kept, None)
        for share, subspace in zip(shares, protect_in_turn(rows, moment, shares), strict=True):
            if share == shares[-1] or self._forgotten(sums, kept, subspace) >= goal:
                require_room(subspace, sources, share)
                self._subspace = subspace
                break

    def problem(self, sources: Tensor, anchors: Tensor) -> EditProblem:
        """The edit of `sources` onto `anchors`; the prior counts as much as a token of theirs, times its scale."""
        kept = self._settings.preserve_scale * self._texts
        if self._prior is not None and self._settings.mode != "paper":
            kept.add_(self._prior.moment.to(kept), alpha=len(sources) * self._settings.prior_scale)
        return EditProblem(sources, anchors, kept, replace(self._settings, preserve_scale=1.0), self._subspace)

    def _forgotten(self, sums: PairSums, kept: Tensor, subspace: ProtectedSubspace | None) -> float:
        """`measures.measure_forgotten` of the edit, from sums; with X = M − I and e = a − c it is

        1 − Σ ‖W X c − W e‖² / Σ ‖W e‖² = (2 tr(G X (Σ e cᵀ)ᵀ) − tr(G X (Σ c cᵀ) Xᵀ)) / tr(G Σ e eᵀ).
        """
        operator = solve_sums(sums, kept, replace(self._settings, preserve_scale=1.0), subspace)
        change, gram = operator.left @ operator.right.T, self._gram.total
        gained = torch.sum((gram @ change) * (2 * sums.shift - change @ sums.sources))
        return float(gained / torch.sum(gram * sums.differences))


def solve_problem(problem: EditProblem) -> Operator:
    """The operator of one edit, see `edit.solve_edit`."""
    return solve_edit(problem.sources, problem.anchors, problem.kept, problem.settings, problem.subspace)


def _check_prior(prior: Prior | None, mode: str, width: int) -> None:
    if prior is None:
        raise ValueError(f"mode {mode!r} needs a preserve prior; expected the prior of everyday captions.")
    if prior.width != width:
        raise ValueError(
            f"the prior was made with a text encoder of width {prior.width}, but the model reads width {width}. "
            "Make it with the CLIP that belongs to this model."
        )


def _sum_tokens(texts: Sequence[EncodedText], gram: Gram) -> tuple[Tensor, int]:
    """Σ p pᵀ over all tokens of `texts`, (d, d) float64 beside `gram`, and their number."""
    total = torch.zeros_like(gram.total)
    for text in texts:  # one at a time: thousands of texts need no more memory than one
        tokens = text.tokens.to(total)
        total.addmm_(tokens.T, tokens)
    return total, sum(len(text.tokens) for text in texts)
