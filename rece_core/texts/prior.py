"""The preserve prior: what everyday texts look like to a text encoder, as one d × d matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import torch
from torch import Tensor

from ..progress import OnStep
from .alignment import EncodedText
from .anchors import read_groups
from .concepts import Concepts, drop_named


@dataclass(frozen=True)
class Prior:
    """Moments of the tokens of everyday captions: `moment` E[p pᵀ], (d, d), and `mean` E[p], (d,); float64 on the CPU.

    Its size does not depend on the number of captions. Padding that the model reads counts as the words do: an edit of
    n rows takes n times the moment, so captions of r rows weigh n / r of one, however much of n and r is padding.
    """

    moment: Tensor
    mean: Tensor

    @property
    def width(self) -> int:
        """d, the width of the text embedding."""
        return len(self.mean)


class _Moments:
    """The running sums of one conditioning input's tokens."""

    def __init__(self, width: int) -> None:
        self.moment, self.mean = torch.zeros(width, width, dtype=torch.float64), torch.zeros(width, dtype=torch.float64)
        self.count = 0

    def add(self, text: EncodedText) -> None:
        tokens = text.tokens.to("cpu", torch.float64)
        if tokens.shape[1] != len(self.mean):
            raise ValueError(
                f"the embedding of {text.text!r} has width {tokens.shape[1]}, those before it {len(self.mean)}. "
                "Encode all captions with the same text encoder."
            )
        self.moment.addmm_(tokens.T, tokens)
        self.mean += tokens.sum(0)
        self.count += len(tokens)

    def finish(self) -> Prior:
        return Prior(self.moment / self.count, self.mean / self.count)


def accumulate_prior(texts: Iterable[EncodedText]) -> Prior:
    """The prior of `texts`, encoded one at a time. Raises ValueError for no text and for unequal widths."""
    (prior,) = _accumulate({"": (text,)} for text in texts).values()
    return prior


def accumulate_priors(
    prepare: Callable[[str], Mapping[str, tuple[EncodedText, ...]]],
    captions: Sequence[str],
    on_step: OnStep = lambda step: None,
) -> dict[str, Prior]:
    """The prior of each conditioning input, given what `prepare` makes of a text; `on_step` is called per caption.

    Raises ValueError for no caption and for unequal widths.
    """

    def read_each() -> Iterator[Mapping[str, tuple[EncodedText, ...]]]:
        for caption in captions:
            on_step(f"encode '{caption}'")
            yield prepare(caption)

    return _accumulate(read_each())


def _accumulate(prepared: Iterable[Mapping[str, tuple[EncodedText, ...]]]) -> dict[str, Prior]:
    sums: dict[str, _Moments] = {}
    for cond_inputs in prepared:
        for cond_input, texts in cond_inputs.items():
            for text in texts:
                sums.setdefault(cond_input, _Moments(text.tokens.shape[1])).add(text)
    if not sums:
        raise ValueError("no caption was given for the prior; expected at least one, a line each.")
    return {cond_input: moments.finish() for cond_input, moments in sums.items()}


def choose_captions(concepts: Concepts) -> tuple[str, ...]:
    """The captions for the prior beside `concepts`: theirs, or those that ship; without those that name a target.

    Raises ValueError where that leaves none.
    """
    captions = drop_named(concepts.captions or read_captions(), concepts.concepts)
    if not captions:
        raise ValueError(
            f"every one of the {len(concepts.captions)} captions for the prior names a target, so nothing is left to "
            "keep. Add captions about other things."
        )
    return captions


def read_captions() -> tuple[str, ...]:
    """The everyday captions that ship, and the common things that anchors are chosen from, by name and with an article.

    Names alone are what suffers first where many concepts are erased.
    """
    captions = parse_captions((files(__package__) / "everyday_captions.txt").read_text("utf-8"))
    words = [word for group in read_groups() for word in group]
    return tuple(dict.fromkeys([*captions, *words, *(f"a {word}" for word in words)]))


def parse_captions(lines: str) -> tuple[str, ...]:
    """Captions as a user types them, a line each; blank lines are skipped and doubles dropped."""
    return tuple(dict.fromkeys(" ".join(line.split()) for line in lines.splitlines() if line.strip()))
