"""How much of an erasure a model holds: what its weights differ by, measured along what the erasure changes in them.

A patch may be scaled, merged with another model or taken out again by a later one: that it is attached proves nothing.
The shares s_i are the least-squares fit Σ s_i E_i ≈ W − W_0 over all text entries at once: W as they stand, W_0 beneath
the first erasure, E_i what erasure i makes of what lies beneath it. 1: all of it; 0: none, never applied or undone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..texts.concepts import Concepts
from ..texts.wording import quote
from .erasure import Erasure

EXACT = 0.02  # of an erasure: more than the rounding of weights and of LoRA files can hide
CHANCE = 0.1  # by which another patch moves the share in a single weight
ALIKE = 1e-4  # changes that differ by less, as directions, are one
IN_PART = "Below 100 % the concept may be wholly there: draw it to see."


@dataclass(frozen=True)
class Share:
    """How much of an erasure there is: in all weights together, and in those that hold least and most of it."""

    total: float
    least: float
    most: float

    @property
    def is_whole(self) -> bool:
        """Whether all of it is in every weight, but for chance where other patches change the same ones."""
        return abs(self.total - 1) <= EXACT and self.least >= 1 - CHANCE

    def describe(self) -> str:
        """In words, with what it means."""
        if self.is_whole:
            return "in full"
        if self.total <= EXACT:
            return "not at all" if self.total >= -EXACT else f"reversed: {-self.total:.0%} of it, the other way round"
        spread = f", {self.least:.0%} to {self.most:.0%} by weight" if self.most - self.least > EXACT else ""
        kept = f"{self.total:.0%} of what it changes{spread}"
        if self.total > 1 and self.least >= 1 - CHANCE:
            return f"in full and more, {kept}"
        return f"in part, {kept}. {IN_PART}"


@dataclass(frozen=True)
class Held:
    """An erasure, and how much of it a model holds; `attached`: by patches that say which erasure they are of."""

    erasure: Erasure
    share: Share
    attached: bool

    @property
    def is_there(self) -> bool:
        """Whether the model holds any of it. Of patches that say nothing, all must look like it: one may by chance."""
        return (self.share.total if self.attached else self.share.least) > EXACT

    def describe(self) -> str:
        """What is erased, and how much of it, in a line."""
        return f"{self.erasure.concepts.summarize()}: {self.share.describe()}"


def measure_shares(changes: Iterable[tuple[Tensor, Sequence[Tensor]]]) -> list[Share]:
    """The share of each erasure, from the `changes` of one text entry after the other.

    changes: what an entry differs by (d_out, d), and what each of the erasures makes of it, of the same shape. Entries
    that an erasure does not change say nothing of it; where it changes none its shares are 0.
    """
    products = [_multiply(actual, made) for actual, made in changes]
    total = _fit(torch.stack(products).sum(0)).tolist()
    fits = torch.stack([_fit(each) for each in products])
    shares = []
    for index, share in enumerate(total):
        energies = torch.stack([each[index, index] for each in products])
        told = fits[energies > ALIKE**2 * energies.max(), index].tolist() or [0.0]
        shares.append(Share(share, min(told), max(told)))
    return shares


def describe_repeated(concepts: Concepts, before: Iterable[Erasure]) -> str:
    """What to say where `concepts` name what one of the erasures `before` did in the same chain; else empty."""
    done = {name.casefold() for erasure in before for concept in erasure.concepts.concepts for name in concept.names}
    names = [name for concept in concepts.concepts for name in concept.names if name.casefold() in done]
    if not names:
        return ""
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return (
        f"{quote(names[0])}{more} was already erased from this model by an earlier node: forgotten and recoverable are "
        "shares of what that one left, not of what the original knew."
    )


def same_erasure(first: Erasure, second: Erasure) -> bool:
    """Whether two are the same one: the very object, or what was read from the file that it was saved to."""
    if first is second:
        return True
    if first.concepts != second.concepts or first.family != second.family or first.parts.keys() != second.parts.keys():
        return False
    pairs = [(first.parts[name], second.parts[name]) for name in first.parts]
    return all(
        one.settings == other.settings
        and one.base == other.base
        and _same(one.operator.left, other.operator.left)
        and _same(one.operator.right, other.operator.right)
        for one, other in pairs
    )


def _same(first: Tensor, second: Tensor) -> bool:
    return first.shape == second.shape and bool(torch.equal(first.cpu(), second.cpu()))


def _multiply(actual: Tensor, made: Sequence[Tensor]) -> Tensor:
    """⟨E_i, E_j⟩, and in the last column ⟨E_i, actual⟩: (n, n + 1) float64 on the CPU."""
    rows = [[torch.sum(one * other, dtype=torch.float64) for other in (*made, actual)] for one in made]
    return torch.stack([torch.stack(row) for row in rows]).cpu()


def _fit(products: Tensor) -> Tensor:
    """The shares (n,) that fit best; 0 for what changes nothing."""
    sizes = products.diagonal().sqrt()
    scale = torch.where(sizes > 0, 1 / sizes, 0.0)
    alike = products[:, :-1] * scale * scale[:, None]
    return torch.linalg.pinv(alike, rtol=ALIKE, hermitian=True) @ (products[:, -1] * scale) * scale
