"""The value projection ("seal"): per layer, what tells a concept from all that is kept is taken out of value space.

An operator on the text only moves embeddings about, and some other embedding undoes it. A seal acts on what comes out.
Per layer, let δ be the leading direction of the values W_v (c − a) of the concept's tokens against their anchors', and

    w = (E[(v − v_a)(v − v_a)ᵀ] + τ I)⁻¹ δ,  scaled to wᵀδ = 1,

v over the values of kept tokens, v_a the mean of the anchors': of all directions that read 1 at the concept and 0 at
its anchor, the one that reads least of what is kept (a linear discriminant, as in LEACE, arXiv 2306.03819). Then

    W_v' = (I − s δ wᵀ) W_v,     b_out' = b_out + s W_out δ wᵀ v_a

takes the concept's values to the anchor's, leaves values that read as the anchor's do unchanged, and for s = 1 no text
embedding whatever produces a value that reads otherwise. Attention mixes values by weights that sum to 1 in each head,
so what a constant adds to all values, the bias behind it adds too, exactly. Closed form, rank 1 per layer and concept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .gram import SealGram, Weight
from .linear_algebra import factor, solve
from .prior import Prior


@dataclass(frozen=True)
class Seal:
    """What is taken out of the values of one layer; float64 on the CPU.

    write, read: δ and w of each concept as columns, (d_v, r), with readᵀ write = I. level: wᵀ v_a, (r,).
    """

    write: Tensor
    read: Tensor
    level: Tensor

    def change_of(self, weight: Tensor, strength: float) -> tuple[Tensor, Tensor]:
        """`up` (d_v, r) and `down` (r, d) with (I − s δ wᵀ) W = W + up down, for a value weight W (d_v, d)."""
        wide = weight.to(torch.promote_types(weight.dtype, torch.float32))
        return self.write.to(wide) * -strength, self.read.to(wide).T @ wide

    def bias_change(self, output: Tensor, strength: float) -> Tensor:
        """s W_out δ wᵀ v_a, (d_out,), for the output projection W_out (d_out, d_v) behind the attention."""
        wide = output.to(torch.promote_types(output.dtype, torch.float32))
        return strength * (wide @ (self.write @ self.level).to(wide))


@dataclass(frozen=True)
class Contrast:
    """A concept against its anchor as tokens: the differences c − a (n, d) and the mean of the a (d,), float64."""

    apart: Tensor
    anchor: Tensor


def find_seals(
    weights: Iterable[Weight], contrasts: Sequence[Contrast], prior: Prior, caution: float, strength: float
) -> tuple[dict[str, Seal], SealGram]:
    """A seal for each value projection among `weights`, by name, and their Gram matrices.

    `caution`: how much what is kept counts against what is taken, 0 to 1; τ is (1 − caution) / caution times the mean
    eigenvalue of E[(v − v_a)(v − v_a)ᵀ]. All float64 on the CPU.
    """
    factors = [_leading(contrast.apart) for contrast in contrasts]
    seals: dict[str, Seal] = {}
    mixed, square = (torch.zeros(prior.width, prior.width, dtype=torch.float64) for _ in range(2))
    for weight in weights:
        if weight.role == "value":
            matrix = weight.matrix.to("cpu", torch.float64)
            seals[weight.name] = seal = _solve_seal(matrix, contrasts, factors, prior, caution)
            reads, writes = seal.read.T @ matrix, seal.write.T @ matrix
            mixed.addmm_(reads.T, writes)
            square.addmm_(reads.T, (seal.write.T @ seal.write) @ reads)
    return seals, SealGram(mixed, square, strength)


def _leading(apart: Tensor) -> Tensor:
    """F (d, k) with F Fᵀ = Σ (c − a)(c − a)ᵀ / n: k at most d, however many tokens there are."""
    energies, directions = torch.linalg.eigh(apart.T @ apart / len(apart))
    kept = energies > 1e-10 * energies[-1]
    return directions[:, kept] * energies[kept].sqrt()


def _solve_seal(
    matrix: Tensor, contrasts: Sequence[Contrast], factors: Sequence[Tensor], prior: Prior, caution: float
) -> Seal:
    writes, reads = [], []
    for contrast, spread in zip(contrasts, factors, strict=True):
        outward, sizes, _ = torch.linalg.svd(matrix @ spread, full_matrices=False)
        toward = outward[:, 0] * sizes[0]
        toward = toward * torch.sign(toward @ (matrix @ contrast.apart.mean(0)))
        cross = torch.outer(contrast.anchor, prior.mean)
        about = prior.moment - cross - cross.T + torch.outer(contrast.anchor, contrast.anchor)
        system = matrix @ about @ matrix.T
        size = float(system.trace()) / len(system)
        system = caution * system
        system.diagonal().add_((1 - caution) * size)
        reads.append(solve(factor(system, "seal's ridge", (1 - caution) * size), toward[:, None])[:, 0])
        writes.append(toward)
    write, read = torch.stack(writes, 1), torch.stack(reads, 1)
    write = torch.linalg.solve(read.T @ write, write, left=False)
    anchors = torch.stack([matrix @ contrast.anchor for contrast in contrasts], 1)
    return Seal(write, read, (read * anchors).sum(0))
