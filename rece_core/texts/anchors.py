"""Anchors for targets that were given none: of common things a relative of each, told by the text encoder.

What acts like a text that says nothing is drawn as anything, itself included, and what acts like the mean of unrelated
words as noise. A concept that is close to the target, but no synonym, forgets best and costs least (Bui et al., arXiv
2501.18950, who find it by training).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import torch
from torch import Tensor
from torch.nn import functional

from .alignment import EncodedText
from .concepts import EMPTY_ANCHOR, Concept, Concepts

# Cosines about the mean of all words. On the demo models synonyms of one thing lie at 0.69 and above ("kitten" and
# "cat", "telephone" and "phone"), other things at 0.63 and below ("keyboard" and "piano").
SYNONYM = 0.65
# Words that the encoder does not know all look alike to it.
UNKNOWN = 0.97
# How many of a group say how close the group is: one word alone is close by chance.
CLOSEST = 3

Describe = Callable[[str], Tensor]
MakeWords = Callable[[Describe, Sequence[str]], Tensor]


@cache
def read_groups() -> tuple[tuple[str, ...], ...]:
    """Common things that ship as candidates, those of a kind together, no two of them synonyms."""
    lines = (files(__package__) / "anchor_words.txt").read_text("utf-8").splitlines()
    return tuple(tuple(word.strip() for word in line.split(",")) for line in lines)


def describe_text(text: EncodedText) -> Tensor:
    """What a text says as a whole: the mean of its rows from the last word on, of each segment, (segments · d,)."""
    return torch.cat([segment.tail().to("cpu", torch.float64).mean(0) for segment in text.segments()])


def describe_words(describe: Describe, words: Sequence[str]) -> Tensor:
    """What `describe` gives for each of the `words`, (words, d)."""
    return torch.stack([describe(word) for word in words])


def choose_anchors(concepts: Concepts, describe: Describe, make_words: MakeWords = describe_words) -> Concepts:
    """`concepts` with an anchor for each that has none: a close word that is no synonym of a target.

    A target that is one of the candidates gets another of its group. `describe` gives (d,), float64, for a text;
    `make_words` all that it gives for the candidates, (words, d), where that may be kept. One space where no word will
    do.
    """
    if all(concept.anchors for concept in concepts.concepts):
        return concepts
    candidates = _Candidates.of(describe, make_words)
    cosines = [candidates.compare(describe_words(describe, concept.names)) for concept in concepts.concepts]
    names = [name.casefold() for concept in concepts.concepts for name in concept.names]
    fit = candidates.known & (torch.cat(cosines, 1).amax(1) < SYNONYM) & ~candidates.share_words(names)

    def fill(concept: Concept, compared: Tensor) -> Concept:
        anchors = concept.anchors or (candidates.choose(concept.names, compared.mean(1), fit),)
        return replace(concept, anchors=anchors)

    return replace(concepts, concepts=tuple(map(fill, concepts.concepts, cosines)))


@dataclass(frozen=True)
class _Candidates:
    """The words that may be anchors, the group of each, (words,), its direction about their mean, (words, d), and
    whether the text encoder knows it, (words,)."""

    words: tuple[str, ...]
    groups: Tensor
    mean: Tensor
    directions: Tensor
    known: Tensor

    @classmethod
    def of(cls, describe: Describe, make_words: MakeWords) -> _Candidates:
        """As `describe` gives them."""
        words = tuple(word for group in read_groups() for word in group)
        groups = torch.tensor([number for number, group in enumerate(read_groups()) for _ in group])
        described = make_words(describe, words)
        mean = described.mean(0)
        directions = functional.normalize(described - mean, dim=1)
        known = (directions @ directions.T).fill_diagonal_(0).amax(1) < UNKNOWN
        return cls(words, groups, mean, directions, known)

    def compare(self, described: Tensor) -> Tensor:
        """Cosines with texts (n, d), (words, n)."""
        return self.directions @ functional.normalize(described - self.mean, dim=1).T

    def share_words(self, names: Sequence[str]) -> Tensor:
        """Which of them have a word that one of the names has, (words,), bool."""
        named = {part for name in names for part in name.split()}
        return torch.tensor([not named.isdisjoint(word.split()) for word in self.words])

    def choose(self, names: Sequence[str], cosines: Tensor, fit: Tensor) -> str:
        """Of those that `fit` the closest in the closest group."""
        own = [int(self.groups[self.words.index(name.casefold())]) for name in names if name.casefold() in self.words]
        scores = (cosines + self._compare_groups(cosines)).masked_fill(~fit, -torch.inf)
        relatives = fit & torch.isin(self.groups, torch.tensor(own, dtype=self.groups.dtype))
        if relatives.any():
            scores = scores.masked_fill(~relatives, -torch.inf)
        return self.words[int(scores.argmax())] if fit.any() else EMPTY_ANCHOR

    def _compare_groups(self, cosines: Tensor) -> Tensor:
        """The mean of the largest cosines in the group of each, (words,); unknown words count as opposites."""
        counted = cosines.masked_fill(~self.known, -1)
        means = [counted[self.groups == number].topk(CLOSEST).values.mean() for number in range(len(read_groups()))]
        return torch.stack(means)[self.groups]
