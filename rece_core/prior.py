"""The preserve prior: what everyday texts look like to a text encoder, as one d × d matrix."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files

import torch
from torch import Tensor

from .alignment import EncodedText


@dataclass(frozen=True)
class Prior:
    """Moments of the tokens of everyday captions: `moment` E[p pᵀ], (d, d), and `mean` E[p], (d,); float64 on the CPU.

    Its size does not depend on the number of captions.
    """

    moment: Tensor
    mean: Tensor

    @property
    def width(self) -> int:
        """d, the width of the text embedding."""
        return len(self.mean)


def accumulate_prior(texts: Iterable[EncodedText]) -> Prior:
    """The prior of `texts`, encoded one at a time. Raises ValueError for no text and for unequal widths."""
    total: Tensor | None = None
    count = 0
    for text in texts:
        tokens = text.tokens.to("cpu", torch.float64)
        if total is None:
            total = torch.zeros(tokens.shape[1], tokens.shape[1] + 1, dtype=torch.float64)
        if tokens.shape[1] != len(total):
            raise ValueError(
                f"the embedding of {text.text!r} has width {tokens.shape[1]}, those before it {len(total)}. "
                "Encode all captions with the same text encoder."
            )
        total[:, :-1].addmm_(tokens.T, tokens)
        total[:, -1] += tokens.sum(0)
        count += len(tokens)
    if total is None:
        raise ValueError("no caption was given for the prior; expected at least one, a line each.")
    return Prior(total[:, :-1] / count, total[:, -1] / count)


def read_captions() -> tuple[str, ...]:
    """The everyday captions that ship."""
    return parse_captions((files(__package__) / "everyday_captions.txt").read_text("utf-8"))


def parse_captions(lines: str) -> tuple[str, ...]:
    """Captions as a user types them, a line each; blank lines are skipped and doubles dropped."""
    return tuple(dict.fromkeys(" ".join(line.split()) for line in lines.splitlines() if line.strip()))
