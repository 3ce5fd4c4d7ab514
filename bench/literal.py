"""RECE written out literally: every projection by itself, with both matrices formed and the second one inverted.

An oracle for the tests and the baseline of the benchmark. It follows the equations as printed (UCE, arXiv 2308.14761,
eq. 7; RECE, arXiv 2407.12383, eq. 3 to 12, algorithm 1) and knows nothing of the engine: no operator, no Gram matrix,
no factorisation. Everything is in the dtype of the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

SumOuter = Callable[[Tensor, Tensor], Tensor]
Pairs = Sequence[tuple[Tensor, Tensor]]


def sum_outer_by_token(left: Tensor, right: Tensor) -> Tensor:
    """Σ l rᵀ over the rows l of `left` (n, a) and r of `right` (n, b): one outer product a token, then their sum."""
    return (left[:, :, None] * right[:, None, :]).sum(0)


def sum_outer_by_product(left: Tensor, right: Tensor) -> Tensor:
    """The same sum as one matrix product."""
    return left.T @ right


@dataclass(frozen=True)
class LiteralTask:
    """What to erase, as token matrices (n, d).

    pairs: concept and anchor rows of the first edit, row by row. whole: each concept with all its tokens, to derive
    from, and all tokens of its anchor, to map the derived embedding onto. preserved, preserved_in_epochs: texts to
    keep in the first edit, and in those after it. The rest as in `EditSettings` and `EraseSettings`.
    """

    pairs: Pairs
    whole: Pairs
    preserved: Sequence[Tensor] = ()
    preserved_in_epochs: Sequence[Tensor] = ()
    erase_scale: float = 1.0
    preserve_scale: float = 0.1
    ridge: float = 0.1
    derivation_ridge: float = 0.1
    epochs: int = 3


def edit_weight(
    weight: Tensor, pairs: Pairs, preserved: Sequence[Tensor], task: LiteralTask, sum_outer: SumOuter
) -> Tensor:
    """W' = (λ₂ W + s Σ (W a) cᵀ + λ₁ Σ (W p) pᵀ) (λ₂ I + s Σ c cᵀ + λ₁ Σ p pᵀ)⁻¹ for one `weight` (d_out, d)."""
    values = task.ridge * weight
    system = task.ridge * torch.eye(weight.shape[1], dtype=weight.dtype, device=weight.device)
    for concept, anchor in pairs:
        values = values + task.erase_scale * sum_outer(anchor @ weight.T, concept)
        system = system + task.erase_scale * sum_outer(concept, concept)
    for tokens in preserved:
        values = values + task.preserve_scale * sum_outer(tokens @ weight.T, tokens)
        system = system + task.preserve_scale * sum_outer(tokens, tokens)
    return values @ torch.inverse(system)


def sum_products(originals: Sequence[Tensor], edited: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Σ W'ᵀW' and Σ W'ᵀW over all projections, both (d, d)."""
    width = originals[0].shape[1]
    system = target = torch.zeros(width, width, dtype=originals[0].dtype, device=originals[0].device)
    for before, after in zip(originals, edited, strict=True):
        system = system + after.T @ after
        target = target + after.T @ before
    return system, target


def derive_tokens(system: Tensor, target: Tensor, tokens: Tensor, ridge: float) -> Tensor:
    """c' = (Σ W'ᵀW' + λ I)⁻¹ (Σ W'ᵀW) c for each row of `tokens` (n, d)."""
    inverse = torch.inverse(system + ridge * torch.eye(len(system), dtype=system.dtype, device=system.device))
    return tokens @ (inverse @ target).T


def erase(
    weights: Sequence[Tensor],
    task: LiteralTask,
    sum_outer: SumOuter = sum_outer_by_product,
    on_stage: Callable[[str], None] = lambda stage: None,
) -> list[list[Tensor]]:
    """Edit `weights` in place, epoch by epoch; returns what was derived in each epoch, a tensor for each concept.

    `on_stage` is called with `edits`, `sums` and `inverses` at the end of each such stage.
    """
    originals = [weight.clone() for weight in weights]

    def edit(pairs: Pairs, preserved: Sequence[Tensor]) -> None:
        for weight in weights:
            weight.copy_(edit_weight(weight, pairs, preserved, task, sum_outer))
        on_stage("edits")

    edit(task.pairs, task.preserved)
    found = []
    for _ in range(task.epochs):
        sums = sum_products(originals, weights)
        on_stage("sums")
        found.append([derive_tokens(*sums, concept, task.derivation_ridge) for concept, _ in task.whole])
        on_stage("inverses")
        anchors = (anchor for _, anchor in task.whole)
        edit(list(zip(found[-1], anchors, strict=True)), task.preserved_in_epochs)
    return found
