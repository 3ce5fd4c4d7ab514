"""What there is to show of an erasure: its measures, how much of each weight it changes, how far texts move."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch

from ..erasing.erase import EpochRecord
from ..erasing.erasure import Erasure
from ..models.text_model import PreparedInputs
from ..models.weights import Weight
from .description import describe_erasure


@dataclass(frozen=True)
class EntryChange:
    """How much of a text entry of a conditioning input an erasure changes: ‖W' − W‖ / ‖W‖ (Frobenius)."""

    name: str
    role: str
    change: float
    cond_input: str


@dataclass(frozen=True)
class ErasureMetrics:
    """concepts: in short. changes: of all text entries erased, in the order they were read.

    records, drifts: of each conditioning input; drifts are those of the probes, see `measures`.
    """

    concepts: str
    records: Mapping[str, tuple[EpochRecord, ...]]
    changes: tuple[EntryChange, ...]
    drifts: Mapping[str, tuple[tuple[str, float], ...]]


def measure_erasure(erasure: Erasure, weights: Iterable[Weight], probes: Sequence[PreparedInputs]) -> ErasureMetrics:
    """Measure what `erasure` does to the original text entries `weights`, read once, and to `probes`.

    weights: of the conditioning inputs that were erased. probes: what those read of each text. Drift counts what a
    value eraser's bias puts back, see `measures`; the change of a weight is its own.
    """
    changes = []
    moved, whole = ({cond_input: [0.0] * len(probes) for cond_input in erasure.parts} for _ in range(2))
    for weight in weights:
        change = erasure.change_of(weight)
        norm = float(weight.matrix.norm())
        share = float(change.norm()) / norm if norm else float("nan")
        changes.append(EntryChange(weight.name, weight.role, share, weight.cond_input))
        part = erasure.parts[weight.cond_input]
        eraser = part.value_erasers.get(weight.name)
        constant = eraser.constant(part.settings.seal).to(change) if eraser else 0.0
        for index, probe in enumerate(probes):
            tokens = torch.cat([text.tokens for text in probe[weight.cond_input]]).to(change)
            moved[weight.cond_input][index] += float((tokens @ change.T + constant).square().sum())
            whole[weight.cond_input][index] += float((tokens @ weight.matrix.to(change).T).square().sum())
    drifts = {
        cond_input: tuple(
            (probe[cond_input][0].text, (numerator / denominator) ** 0.5 if denominator else float("nan"))
            for probe, numerator, denominator in zip(probes, moved[cond_input], whole[cond_input], strict=True)
        )
        for cond_input in erasure.parts
    }
    records = {cond_input: part.records for cond_input, part in erasure.parts.items()}
    return ErasureMetrics(erasure.concepts.summarize(), records, tuple(changes), drifts)


def describe_metrics(erasure: Erasure, metrics: ErasureMetrics) -> str:
    """The report of `erasure` with the drift of each probe and the change of each text entry; plain text."""
    lines = [describe_erasure(erasure)]
    for cond_input, drifts in metrics.drifts.items():
        by_input = f" in conditioning input '{cond_input}'" if len(metrics.drifts) > 1 else ""
        lines += ["", f"drift of each probe{by_input}:", *(f"{drift:8.2%}  {text!r}" for text, drift in drifts)]
    return "\n".join(
        [*lines, "", "change of each weight:", *(f"{each.change:8.2%}  {each.name}" for each in metrics.changes)]
    )
