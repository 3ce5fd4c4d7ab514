"""Settings of an erasure, checked where they are made."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from torch import Tensor

from ..texts.wording import quote

TOKEN_CHOICES = ("from subject", "all", "last")
MODES = ("paper", "prior", "strict", "orthogonal")
ITERATIONS = ("paper", "cumulative")
RIDGE_SCALES = ("absolute", "relative")
AUTO = "auto"  # beside them on nodes and the command line: chosen for each conditioning input, see `choose_ridge_scale`


@dataclass(frozen=True)
class EditSettings:
    """Settings of one edit (RECE eq. 3 to 5); the defaults are the paper's.

    mode: what protects everything else. `paper`: the preserved texts alone. `prior`: everyday captions too. `strict`:
    as `prior`, and the edit reads nothing along the directions that hold most of them, see `protected_subspace`.
    `orthogonal`: turns the output of each weight instead (OCE), see `orthogonal`.
    prior_scale: weight of the prior, an average caption token, against an average concept token. free_share: of the
    prior's energy, how much a strict edit may touch; None chooses by itself, see `Preservation.protect`.
    erase_scale: s, weight of the concept tokens. preserve_scale: λ₁, weight of the preserved tokens.
    ridge: λ₂, the edit ridge, pull towards no change. tokens: which tokens of a concept face its anchor's, see
    `alignment`. ridge_scale: `absolute` takes ridges as they are; `relative` multiplies the edit ridge by the mean
    square of the concept tokens per dimension and the derivation ridge by trace(G)/d, so that the same number means
    the same on encoders whose embeddings differ by orders of magnitude.
    """

    erase_scale: float = 1.0
    preserve_scale: float = 0.1
    ridge: float = 0.1
    tokens: str = "from subject"
    ridge_scale: str = "absolute"
    mode: str = "paper"
    prior_scale: float = 1.0
    free_share: float | None = None

    def __post_init__(self) -> None:
        _require_choice("mode", self.mode, MODES)
        _require_number("prior scale", self.prior_scale)
        if self.free_share is not None and not 0 < self.free_share <= 1:
            raise ValueError(f"free share is {self.free_share}; expected above 0 and up to 1, or none to choose it.")
        _require_number("erase scale", self.erase_scale, above_zero=True)
        _require_number("preserve scale", self.preserve_scale)
        _require_number("edit ridge", self.ridge)
        _require_choice("tokens", self.tokens, TOKEN_CHOICES)
        _require_choice("ridge scale", self.ridge_scale, RIDGE_SCALES)


@dataclass(frozen=True)
class EraseSettings:
    """Settings of the whole loop: one edit, then `epochs` times derive and edit again (RECE algorithm 1).

    derivation_ridge: λ of RECE eq. 12. iteration: `paper` edits the weights as they stand, each epoch on top of the
    last; `cumulative` solves again from the original weights with the concept and every embedding derived so far.
    seal: strength of the value erasers beside the operator, 0 (none) to 1 (all). seal_caution: how much what is kept
    counts in choosing what they read, 0 to below 1: 1 less their shrinkage; see `value_eraser`.
    """

    edit: EditSettings = field(default_factory=EditSettings)
    epochs: int = 3
    derivation_ridge: float = 0.1
    iteration: str = "paper"
    seal: float = 0.0
    seal_caution: float = 0.05

    @property
    def needs_prior(self) -> bool:
        """Whether a preserve prior is needed."""
        return self.edit.mode != "paper" or self.seal > 0

    @property
    def shrinkage(self) -> float:
        """Share of the identity in the covariance that the value erasers' discriminant divides by, above 0 to 1."""
        return 1 - self.seal_caution

    def __post_init__(self) -> None:
        if not 0 <= self.seal <= 1:
            raise ValueError(f"seal is {self.seal}; expected 0 (off) to 1 (the whole direction).")
        if not 0 <= self.seal_caution < 1:
            raise ValueError(f"seal caution is {self.seal_caution}; expected 0 to below 1.")
        if self.epochs < 0:
            raise ValueError(f"epochs is {self.epochs}; expected 0 (first edit only) or more.")
        _require_number("derivation ridge", self.derivation_ridge)
        _require_choice("iteration", self.iteration, ITERATIONS)


def choose_ridge_scale(tokens: Tensor) -> str:
    """The ridge scale for an encoder that gives `tokens` (n, d) for an ordinary text.

    The paper's ridges fit embeddings of mean square about 1, as a final layer norm makes them; encoders read before
    that norm give other sizes, for which only relative ridges mean the same.
    """
    return "absolute" if 0.25 <= float(tokens.float().square().mean()) <= 4 else "relative"


def _require_number(name: str, value: float, *, above_zero: bool = False) -> None:
    if not math.isfinite(value) or value < 0 or (above_zero and value == 0):
        expected = "a finite number above 0" if above_zero else "a finite number, 0 or more"
        raise ValueError(f"{name} is {value}; expected {expected}.")


def _require_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} is {quote(value)}; expected one of: {', '.join(choices)}.")
