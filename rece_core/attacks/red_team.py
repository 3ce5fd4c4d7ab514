"""Attacks on an erased model in closed form: embeddings that may bring the target back, and how much of it they carry.

The embedding that RECE derives (see `derive`) is the first of them; those here are built from it, or from prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..algebra.gram import PairGram
from ..erasing.measures import measure_forgotten, measure_norm_ratio, measure_recoverable
from ..texts.alignment import EncodedText, align, match_tails, zip_segments


@dataclass(frozen=True)
class AttackMeasures:
    """What `measures` says of an attack: how well the target's own words are forgotten, what the attack brings back."""

    forgotten: float
    recoverable: float
    norm_ratio: float


def add_derived(
    prompt: EncodedText, target: EncodedText, anchor: EncodedText, derived: Tensor, strength: float
) -> Tensor:
    """`prompt` with what the embedding derived for `target` has over its anchor: p + s (c' − a), (n, d) float64.

    derived: c', one row a token of `target`. Rows are paired as an edit pairs them, from each text's last word on (see
    `alignment`), so the tokens before the prompt's last word stay as they are. Strength 1 takes an anchor to c'.
    """
    changed = []
    for start, found, plain in zip_segments([prompt, replace(target, tokens=derived), anchor]):
        gained, missing = align(found, plain, "from subject")
        tokens = start.tokens.to("cpu", torch.float64, copy=True)
        tail = tokens[max(0, start.last_word) :]
        length = min(len(tail), len(gained))
        tail[:length] += strength * (gained[:length].to(tail) - missing[:length].to(tail))
        changed.append(tokens)
    return torch.cat(changed)


def find_direction(shown: Sequence[EncodedText], hidden: Sequence[EncodedText]) -> Tensor:
    """The concept direction of Ring-A-Bell (arXiv 2310.10012): the mean of f(with) − f(without), (n, d) float64.

    shown, hidden: prompts that differ in the concept alone, in pairs. Positions are compared as they stand.
    Raises ValueError for no pairs and for lists, or embeddings in a pair, of unequal length.
    """
    if not shown or len(shown) != len(hidden):
        raise ValueError(
            f"{len(shown)} prompts with the concept and {len(hidden)} without it were given; expected pairs. Write as "
            "many of the one as of the other, in the same order, at least one."
        )
    differences = [one - other for one, other in map(_match, shown, hidden)]
    return torch.stack(differences).mean(0)


def measure_attack(
    pair: PairGram, values: PairGram, target: EncodedText, anchor: EncodedText, attack: EncodedText
) -> AttackMeasures:
    """How much of `target` (against `anchor`) the embedding `attack` brings back from the edited weights.

    pair, values: both models' text entries, all of them and the value projections alone. The three texts are paired
    from their last words on and cut to the shortest.
    """
    sources, anchors, tail = (rows.to(pair.original) for rows in match_tails([target, anchor, attack]))
    return AttackMeasures(
        forgotten=measure_forgotten(pair, sources, anchors),
        recoverable=measure_recoverable(values, sources, anchors, tail),
        norm_ratio=measure_norm_ratio(sources, tail),
    )


def _match(one: EncodedText, other: EncodedText) -> tuple[Tensor, Tensor]:
    first, second = (rows.to("cpu", torch.float64) for rows in align(one, other, "all"))
    return first, second
