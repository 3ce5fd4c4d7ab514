"""Value erasers: per layer, what distinguishes a concept from all that is kept is taken out of the values.

An operator on the text only moves embeddings, and some other embedding undoes it. A value eraser acts on what comes
out. Per layer, let δ be the leading direction of the values W_v (c − a) of the concept's tokens against their anchors',
and

    w = (E[(v − v_a)(v − v_a)ᵀ] + τ I)⁻¹ δ,  scaled to wᵀδ = 1,

v over the values of kept tokens, v_a the mean of the anchors': of all directions that read 1 at the concept and 0 at
its anchor, the one that reads least of what is kept (a linear discriminant, as in LEACE, arXiv 2306.03819). Then

    W_v' = (I − s δ wᵀ) W_v,     b_out' = b_out + s W_out δ wᵀ v_a

takes the concept's values to the anchor's, leaves values that read as the anchor's do unchanged, and for s = 1 no text
embedding whatever produces a value that reads otherwise. Attention mixes values by weights that sum to 1 in each head,
so what a constant adds to all values, the bias behind it adds too, exactly. Closed form, rank 1 per layer and concept.

An input layer, which a whole text passes through before anything mixes it, gets one in the same way, the constant
s δ wᵀ v_a going into its own bias: W x + b reads the anchor's level along w, whatever x is.

Several concepts share one basis: the fewest leading directions of all their δ together that hold 90 % of each. So what
says the same in other words counts once; nearly equal directions, kept separate, would read mostly their own
difference. What is put back is one constant for all texts: along each of r directions the mean of what is kept reads,
and of what the anchor reads beyond it a share of 1 / √r, so that together they move a text no further than one would.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..algebra.gram import ProjectionGram
from ..algebra.linear_algebra import solve
from ..models.weights import VALUE_ROLES, Weight
from ..texts.prior import Prior
from .edit import factor_with_ridge

CPU = torch.device("cpu")
COVERED = 0.9  # of each concept's direction is erased


@dataclass(frozen=True)
class ValueEraser:
    """What is taken out of the values of one layer; float64 on the CPU.

    project_left, project_right: each δ and its w as columns, (d_v, r), with project_rightᵀ project_left = I, named as
    in LEACE. target: what w reads afterwards, (r,); of a single δ it is wᵀ v_a.
    """

    project_left: Tensor
    project_right: Tensor
    target: Tensor

    def change_of(self, weight: Tensor, strength: float) -> tuple[Tensor, Tensor]:
        """`up` (d_v, r) and `down` (r, d) with (I − s δ wᵀ) W = W + up down, for a value weight W (d_v, d)."""
        wide = weight.to(torch.promote_types(weight.dtype, torch.float32))
        return self.project_left.to(wide) * -strength, self.project_right.to(wide).T @ wide

    def constant(self, strength: float) -> Tensor:
        """s δ wᵀ v_a, (d_v,) float64: what the bias behind the attention adds, as a value."""
        return strength * (self.project_left @ self.target)

    def bias_change(self, output: Tensor | None, strength: float) -> Tensor:
        """s W_out δ wᵀ v_a, (d_out,), for the output projection W_out (d_out, d_v) behind the attention.

        None for an input layer, which has none behind it: s δ wᵀ v_a, (d_v,) float64.
        """
        constant = self.constant(strength)
        if output is None:
            return constant
        wide = output.to(torch.promote_types(output.dtype, torch.float32))
        return wide @ constant.to(wide)


@dataclass(frozen=True)
class Contrast:
    """A concept against its anchor as tokens: the differences c − a (n, d) and the mean of the a (d,), float64."""

    differences: Tensor
    anchor: Tensor


def find_value_erasers(
    weights: Iterable[Weight],
    contrasts: Sequence[Contrast],
    prior: Prior,
    shrinkage: float,
    strength: float,
    device: torch.device = CPU,
) -> tuple[dict[str, ValueEraser], ProjectionGram]:
    """A value eraser for each of `weights` that makes values, by name, and their Gram matrices on `device`.

    `shrinkage`, above 0 to 1: of the covariance E[(v − v_a)(v − v_a)ᵀ] towards its mean eigenvalue; the higher, the
    less what is kept counts against what is taken. τ is shrinkage / (1 − shrinkage) times that eigenvalue. All float64,
    worked out on `device`.
    """
    prior = Prior(prior.moment.to(device), prior.mean.to(device))
    factors = [_leading(contrast.differences.to(device)) for contrast in contrasts]
    anchors = torch.stack([contrast.anchor for contrast in contrasts]).to(device)
    about = _spread_about(anchors, prior)
    erasers: dict[str, ValueEraser] = {}
    mixed, square = torch.zeros_like(prior.moment), torch.zeros_like(prior.moment)
    raised, turned, size = torch.zeros_like(prior.mean), torch.zeros_like(prior.mean), 0.0
    for weight in weights:
        if weight.role in VALUE_ROLES:
            matrix = weight.matrix.to(device, torch.float64)
            directions = torch.stack([_lead(matrix @ spread) for spread in factors], 1)
            usual = matrix @ prior.mean
            eraser = _solve_eraser(directions, matrix @ anchors.T, usual, matrix @ about @ matrix.T, shrinkage)
            erasers[weight.name] = ValueEraser(
                eraser.project_left.to(CPU), eraser.project_right.to(CPU), eraser.target.to(CPU)
            )
            right, left = eraser.project_right.T @ matrix, eraser.project_left.T @ matrix
            mixed.addmm_(right.T, left)
            square.addmm_(right.T, (eraser.project_left.T @ eraser.project_left) @ right)
            put_back = eraser.constant(1.0)
            raised += matrix.T @ put_back
            turned += right.T @ (eraser.project_left.T @ put_back)
            size += float(put_back.square().sum())
    return erasers, ProjectionGram(mixed, square, raised, turned, size, strength)


def _spread_about(anchors: Tensor, prior: Prior) -> Tensor:
    """E[(p − a)(p − a)ᵀ] over kept tokens p and over the `anchors` (n, d): (d, d)."""
    cross = torch.outer(anchors.mean(0), prior.mean)
    return (prior.moment - cross).sub_(cross.T).addmm_(anchors.T, anchors, alpha=1 / len(anchors))


def _leading(differences: Tensor) -> Tensor:
    """F (d, k) with F Fᵀ = Σ (c − a)(c − a)ᵀ / n: k at most d, however many tokens there are."""
    if len(differences) <= differences.shape[1]:
        return differences.T / len(differences) ** 0.5
    energies, directions = torch.linalg.eigh(differences.T @ differences / len(differences))
    kept = energies > 1e-10 * energies[-1]
    return directions[:, kept] * energies[kept].sqrt()


def _lead(values: Tensor) -> Tensor:
    """The leading direction (d_v,) of the columns of `values` (d_v, k), as long as its singular value."""
    if values.shape[0] > values.shape[1]:  # by the smaller of the two Gram matrices: cheap for a thousand concepts
        return values @ torch.linalg.eigh(values.T @ values).eigenvectors[:, -1]
    energies, directions = torch.linalg.eigh(values @ values.T)
    return directions[:, -1] * energies[-1].sqrt()


def _solve_eraser(directions: Tensor, anchors: Tensor, usual: Tensor, about: Tensor, shrinkage: float) -> ValueEraser:
    """The eraser for the δ (d_v, n) of n concepts, the values (d_v, n) of their anchors, and E[(v − v_a)(v − v_a)ᵀ].

    In the basis that the concepts share, each concept asks for one number: that its own δ be read as its anchor's. With
    more concepts than directions these are met in the sense of least squares. With r directions the number asked for
    lies by 1 / √r of the way from the values usual in kept texts, `usual` (d_v,), to the anchor's.
    """
    left = _span(directions)
    ridge = shrinkage * float(about.trace()) / len(about)
    right = solve(factor_with_ridge((1 - shrinkage) * about, "value eraser's ridge", ridge), left)
    right = torch.linalg.solve(left.T @ right, right, left=False)
    anchors = usual[:, None] + (anchors - usual[:, None]) / left.shape[1] ** 0.5
    shares = left.T @ directions
    wanted = (torch.linalg.pinv(shares) * (right.T @ anchors).T).sum(1)
    return ValueEraser(left, right, shares @ wanted)


def _span(directions: Tensor) -> Tensor:
    """Orthonormal basis (d_v, r) of the fewest leading directions that hold `COVERED` of each column's energy."""
    basis, _, _ = torch.linalg.svd(directions, full_matrices=False)
    enough = (basis.T @ directions).square().cumsum(0) >= COVERED * directions.square().sum(0)
    return basis[:, : int(enough.all(1).int().argmax()) + 1]
