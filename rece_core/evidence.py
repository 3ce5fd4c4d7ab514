"""What there is to show of an erasure: its measures, how much of each weight it changes, how far texts move."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from .alignment import EncodedText
from .erase import EpochRecord
from .erasure import Erasure
from .gram import PairGram, Weight, accumulate_gram
from .measures import measure_drift
from .report import describe_erasure


@dataclass(frozen=True)
class EntryChange:
    """How much of a text entry an erasure changes: ‖W' − W‖ / ‖W‖ (Frobenius)."""

    name: str
    role: str
    change: float


@dataclass(frozen=True)
class Evidence:
    """changes: of every text entry, in the model's order. drifts: probe texts and their drifts, see `measures`."""

    concepts: str
    records: tuple[EpochRecord, ...]
    changes: tuple[EntryChange, ...]
    drifts: tuple[tuple[str, float], ...]


def gather_evidence(erasure: Erasure, weights: Iterable[Weight], probes: Sequence[EncodedText]) -> Evidence:
    """Measure what `erasure` does to the original text entries `weights`, read once, and to `probes`."""
    changes = []

    def watch() -> Iterator[Weight]:
        for weight in weights:
            changes.append(measure_change(erasure, weight))
            yield weight

    gram = accumulate_gram(watch())
    pair = PairGram.from_operator(gram.total, erasure.operator)
    drifts = tuple((probe.text, measure_drift(pair, probe.tokens.to(gram.total))) for probe in probes)
    return Evidence(erasure.concepts.describe(), erasure.records, tuple(changes), drifts)


def measure_change(erasure: Erasure, weight: Weight) -> EntryChange:
    """How much of one text entry `erasure` changes."""
    change, norm = float(erasure.operator.change_of(weight.matrix).norm()), float(weight.matrix.norm())
    return EntryChange(weight.name, weight.role, change / norm if norm else float("nan"))


def describe_evidence(erasure: Erasure, evidence: Evidence) -> str:
    """The report of `erasure` with the drift of each probe and the change of each text entry; plain text."""
    drifts = [f"{drift:8.2%}  {text!r}" for text, drift in evidence.drifts]
    changes = [f"{each.change:8.2%}  {each.name}" for each in evidence.changes]
    return "\n".join(
        [describe_erasure(erasure), "", "drift of each probe:", *drifts, "", "change of each weight:", *changes]
    )
