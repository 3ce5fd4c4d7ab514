"""What there is to show of an erasure: its measures, how much of each weight it changes, how far texts move."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from .alignment import EncodedText
from .erase import EpochRecord
from .erasure import Erasure
from .gram import Weight
from .report import describe_erasure


@dataclass(frozen=True)
class EntryChange:
    """How much of a text entry an erasure changes: ‖W' − W‖ / ‖W‖ (Frobenius)."""

    name: str
    role: str
    change: float


@dataclass(frozen=True)
class Evidence:
    """concepts: in short. changes: of all text entries, in the model's order. drifts: of the probes, see `measures`."""

    concepts: str
    records: tuple[EpochRecord, ...]
    changes: tuple[EntryChange, ...]
    drifts: tuple[tuple[str, float], ...]


def gather_evidence(erasure: Erasure, weights: Iterable[Weight], probes: Sequence[EncodedText]) -> Evidence:
    """Measure what `erasure` does to the original text entries `weights`, read once, and to `probes`.

    Drift counts what a sealed layer's bias puts back, see `measures`; the change of a weight is its own.
    """
    changes = []
    moved, whole = (torch.zeros(len(probes), dtype=torch.float64) for _ in range(2))
    for weight in weights:
        change = erasure.change_of(weight)
        norm = float(weight.matrix.norm())
        changes.append(EntryChange(weight.name, weight.role, float(change.norm()) / norm if norm else float("nan")))
        seal = erasure.seals.get(weight.name)
        constant = seal.constant(erasure.settings.seal).to(change) if seal else 0.0
        for index, probe in enumerate(probes):
            tokens = probe.tokens.to(change)
            moved[index] += float((tokens @ change.T + constant).square().sum())
            whole[index] += float((tokens @ weight.matrix.to(change).T).square().sum())
    drifts = (moved / whole).sqrt().tolist()
    texts = (probe.text for probe in probes)
    return Evidence(
        erasure.concepts.summarize(), erasure.records, tuple(changes), tuple(zip(texts, drifts, strict=True))
    )


def describe_evidence(erasure: Erasure, evidence: Evidence) -> str:
    """The report of `erasure` with the drift of each probe and the change of each text entry; plain text."""
    drifts = [f"{drift:8.2%}  {text!r}" for text, drift in evidence.drifts]
    changes = [f"{each.change:8.2%}  {each.name}" for each in evidence.changes]
    return "\n".join(
        [describe_erasure(erasure), "", "drift of each probe:", *drifts, "", "change of each weight:", *changes]
    )
