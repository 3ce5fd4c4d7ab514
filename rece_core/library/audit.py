"""How much of a concept an erased checkpoint still has, beside its original, whoever erased it; in closed form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from ..algebra.gram import PairGram
from ..algebra.linear_algebra import factor, solve
from ..attacks.red_team import add_derived, measure_attack
from ..checkpoints.checkpoint import Checkpoint, open_checkpoint, read_entry
from ..erasing.derive import Derivation, scaled_derivation_ridge
from ..erasing.measures import measure_drift
from ..erasing.settings import EraseSettings, choose_ridge_scale
from ..models.text_model import TOKENS
from ..models.weights import accumulate_pair_grams
from ..texts.presets import PROBES
from .plan import Pair
from .shared_texts import open_texts
from .task import LIBRARIES, estimate_memory
from .workers import Call, Workers

RIDGE = 1e-6
PROMPT = "a photo of a room"  # what the attack 'added' is added to


def audit_pair(pair: Pair, tokenizer: Path | None, threads: int) -> dict[str, float]:
    """Measure a pair through the text encoder of the original. Raises ValueError where the two do not belong together.

    Attacks: `derived`, the embedding that acts on the erased model as the target on the original; `added`, what that
    has over the anchor, added to another prompt; `words`, the target's own words. Value erasers are not told apart
    from other changes of weights; what biases put back is not counted.
    """
    torch.set_num_threads(threads)
    original, erased = open_checkpoint(pair.original), open_checkpoint(pair.erased)
    both, values = _compare(original, erased, pair)
    texts = open_texts(original, tokenizer)

    def read(text: str) -> tuple[torch.Tensor, ...]:
        return tuple(each.tokens for each in original.model.prepare_inputs(texts(text))[TOKENS])

    target, anchor, prompt = (
        original.model.prepare_inputs(texts(text))[TOKENS][0] for text in (pair.target, pair.anchor, PROMPT)
    )
    ridge = EraseSettings().derivation_ridge
    derived = Derivation(both, scaled_derivation_ridge(ridge, both.original, choose_ridge_scale(target.tokens))).derive(
        target.tokens
    )
    attacks = {
        "words": target,
        "derived": replace(target, tokens=derived),
        "added": replace(prompt, tokens=add_derived(prompt, target, anchor, derived, 1.0)),
    }
    measures: dict[str, float] = {}
    for name, attack in attacks.items():
        told = measure_attack(both, values, target, anchor, attack)
        measures |= {f"{name}.recoverable": told.recoverable, f"{name}.norm_ratio": told.norm_ratio}
        measures["forgotten"] = told.forgotten
    probes = torch.cat([tokens for probe in PROBES for tokens in read(probe)]).to(both.original)
    return {**measures, "drift": measure_drift(both, probes), "condition": _condition(both)}


def run_audit(
    pairs: tuple[Pair, ...], tokenizer: Path | None, threads: int, workers: Workers
) -> Iterator[tuple[Pair, dict[str, float], str]]:
    """Each pair with its measures, or with why it has none."""

    def make() -> Iterator[Call]:
        for pair in pairs:
            yield Call(pair, audit_pair, (pair, tokenizer, threads), _estimate(pair), threads)

    for outcome in workers.run(make()):
        yield outcome.label, outcome.value or {}, outcome.error


def _estimate(pair: Pair) -> int:
    """Bytes of memory that the task takes; where the file is damaged, which the task will tell, those of libraries."""
    try:
        return sum(estimate_memory(open_checkpoint(pair.original)))
    except (OSError, ValueError):
        return LIBRARIES


def _compare(original: Checkpoint, erased: Checkpoint, pair: Pair) -> tuple[PairGram, PairGram]:
    """Both models' text entries that read tokens, and their values alone."""
    entries, others = (each.model.cond_inputs[TOKENS] for each in (original, erased))
    if [(each.name, each.shape) for each in entries] != [(each.name, each.shape) for each in others]:
        raise ValueError(
            f"{pair.original.name} and {pair.erased.name} differ in structure: {original.model.family.name} and "
            f"{erased.model.family.name}. Name an original and what was made of it."
        )
    return accumulate_pair_grams(
        (read_entry(original.file, each), read_entry(erased.file, other).matrix)
        for each, other in zip(entries, others, strict=True)
    )


def _condition(pair: PairGram) -> float:
    """The condition number of the operator that fits the change best, W' ≈ W M, M = I + (G + εI)⁻¹ Wᵀ(W' − W).

    ε is a millionth of G's mean eigenvalue: weights with fewer rows than columns leave M open elsewhere.
    """
    unit = torch.eye(len(pair.original), dtype=pair.original.dtype)
    ridge = RIDGE * pair.original.trace() / len(unit)
    sizes = torch.linalg.svdvals(unit + solve(factor(pair.original + ridge * unit), pair.cross.T))
    return float(sizes[0] / sizes[-1])
