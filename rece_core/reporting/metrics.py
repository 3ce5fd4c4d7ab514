"""What there is to show of an erasure: its measures, how much of each weight it changes, how far texts move."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch

from ..algebra.gram import Weight
from ..erasing.erase import EpochRecord
from ..erasing.erasure import Erasure
from ..models.text_model import Readings
from .description import describe_erasure


@dataclass(frozen=True)
class EntryChange:
    """How much of a text entry of a stream an erasure changes: ‖W' − W‖ / ‖W‖ (Frobenius)."""

    name: str
    role: str
    change: float
    stream: str


@dataclass(frozen=True)
class ErasureMetrics:
    """concepts: in short. changes: of all text entries erased, in the order they were read.

    records, drifts: of each stream; drifts are those of the probes, see `measures`.
    """

    concepts: str
    records: Mapping[str, tuple[EpochRecord, ...]]
    changes: tuple[EntryChange, ...]
    drifts: Mapping[str, tuple[tuple[str, float], ...]]


def measure_erasure(erasure: Erasure, weights: Iterable[Weight], probes: Sequence[Readings]) -> ErasureMetrics:
    """Measure what `erasure` does to the original text entries `weights`, read once, and to `probes`.

    weights: of the streams that were erased. probes: what those read of each text. Drift counts what a value eraser's
    bias puts back, see `measures`; the change of a weight is its own.
    """
    changes = []
    moved, whole = ({stream: [0.0] * len(probes) for stream in erasure.parts} for _ in range(2))
    for weight in weights:
        change = erasure.change_of(weight)
        norm = float(weight.matrix.norm())
        share = float(change.norm()) / norm if norm else float("nan")
        changes.append(EntryChange(weight.name, weight.role, share, weight.stream))
        part = erasure.parts[weight.stream]
        eraser = part.value_erasers.get(weight.name)
        constant = eraser.constant(part.settings.seal).to(change) if eraser else 0.0
        for index, probe in enumerate(probes):
            tokens = torch.cat([text.tokens for text in probe[weight.stream]]).to(change)
            moved[weight.stream][index] += float((tokens @ change.T + constant).square().sum())
            whole[weight.stream][index] += float((tokens @ weight.matrix.to(change).T).square().sum())
    drifts = {
        stream: tuple(
            (probe[stream][0].text, (numerator / denominator) ** 0.5 if denominator else float("nan"))
            for probe, numerator, denominator in zip(probes, moved[stream], whole[stream], strict=True)
        )
        for stream in erasure.parts
    }
    records = {stream: part.records for stream, part in erasure.parts.items()}
    return ErasureMetrics(erasure.concepts.summarize(), records, tuple(changes), drifts)


def describe_metrics(erasure: Erasure, metrics: ErasureMetrics) -> str:
    """The report of `erasure` with the drift of each probe and the change of each text entry; plain text."""
    lines = [describe_erasure(erasure)]
    for stream, drifts in metrics.drifts.items():
        of_stream = f" in stream '{stream}'" if len(metrics.drifts) > 1 else ""
        lines += ["", f"drift of each probe{of_stream}:", *(f"{drift:8.2%}  {text!r}" for text, drift in drifts)]
    return "\n".join(
        [*lines, "", "change of each weight:", *(f"{each.change:8.2%}  {each.name}" for each in metrics.changes)]
    )
