"""What users leave open: filled by the kind of concept, or by the automatic schedule, a search for ridge and epochs.

A candidate costs d × d algebra only. For each edit ridge the loop runs until what is recoverable reaches the goal,
drift passes the limit, or an epoch no longer helps; beside value erasers, which leaves little that is recoverable to
begin with, one epoch is made in any case that drift allows. Of the candidates within the limit those that forget most
and leave least to recover are alike, and the one of them that drifts least is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from ..algebra.linear_algebra import UnsolvableError
from ..texts.concepts import AS_TYPED, Concepts, Reading, read_concepts
from ..texts.presets import NEIGHBOURS, get_preset
from ..texts.wording import count, describe_recoverable, quote
from .erase import EpochRecord, EpochResult
from .settings import EditSettings, EraseSettings

RIDGES = (100.0, 10.0, 1.0, 0.1, 0.01)  # from gentle to thorough
# On the demo model an epoch that lowers `recoverable` by less costs more of what is kept than it closes.
HELPS = 0.05
# Beside value erasers it is the descriptions that an epoch closes, which `recoverable` does not see.
EPOCHS_BESIDE_ERASERS = 1
ALIKE = 0.05  # results whose `recoverable` and `forgotten` differ by less are as good as each other
# The limit of drift at carefulness 0. At 0.5 it is 40 %: erasures of the demo model with value erasers that drift up to
# 30 % draw what is kept as often as the original does; at 30 to 40 % they lose a tenth of it, above 80 % most of it
# (see docs/evaluation.md).
LOOSEST = 0.8

Run = Callable[[EraseSettings], Iterator[EpochResult]]


@dataclass(frozen=True)
class Goals:
    """Where to stop: `recoverable` at or below the goal, or `drift` above the limit."""

    recoverable: float
    drift: float

    @classmethod
    def from_sliders(cls, thoroughness: float, carefulness: float) -> Goals:
        """From two sliders of 0 to 1: the goal is 1 − thoroughness, the limit 0.8 (1 − carefulness)."""
        for name, value in (("thoroughness", thoroughness), ("carefulness", carefulness)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}; expected 0 to 1.")
        return cls(1 - thoroughness, LOOSEST * (1 - carefulness))


@dataclass(frozen=True)
class Schedule:
    """The settings, with the epochs that were made, their records, the last result, and why it stopped there.

    reason: empty where all epochs that were asked for by number were made.
    """

    settings: EraseSettings
    records: tuple[EpochRecord, ...]
    result: EpochResult
    reason: str

    @property
    def drift(self) -> float:
        """Where it ended."""
        return self.result.record.drift


def follow_settings(run: Run, settings: EraseSettings) -> Schedule:
    """All the epochs that `settings` ask for; fewer, and the reason, where one cannot be solved."""
    reasons: list[str] = []
    records = []
    for result in _take_solvable(run(settings), reasons):
        records.append(result.record)
        last = result  # alone: those before it hold embeddings of every target
    return _finish(settings, records, last, "".join(reasons))


def search_schedule(run: Run, settings: EraseSettings, goals: Goals) -> Schedule:
    """Try edit ridges with up to `settings.epochs` epochs each; `run` erases with the settings it is given.

    Where even first edits drift past the limit, the one that drifts least is taken, and the reason says so. An epoch
    that cannot be solved ends its candidate.
    """
    ridges = (settings.edit.ridge,) if settings.edit.mode == "orthogonal" else RIDGES  # which has none
    candidates = [_follow(run, replace(settings, edit=replace(settings.edit, ridge=ridge)), goals) for ridge in ridges]
    within = [each for each in candidates if each.drift <= goals.drift]
    if not within:
        return min(candidates, key=lambda each: each.drift)
    last = [each.result.record for each in within]
    least, most = min(record.recoverable for record in last), max(record.forgotten for record in last)
    alike = [
        each
        for each, record in zip(within, last, strict=True)
        if record.recoverable <= max(least + ALIKE, goals.recoverable) and record.forgotten >= most - ALIKE
    ]
    return min(alike or within, key=lambda each: each.drift)


def _follow(run: Run, settings: EraseSettings, goals: Goals) -> Schedule:
    records: list[EpochRecord] = []
    least = min(EPOCHS_BESIDE_ERASERS, settings.epochs) if settings.seal else 0
    reason = f"the most that was asked for, {count(settings.epochs, 'epoch')}"
    unsolvable: list[str] = []
    for result in _take_solvable(run(settings), unsolvable):
        record = result.record
        if records and record.drift > goals.drift:
            reason = f"epoch {record.epoch} would drift by {record.drift:.1%}, more than {goals.drift:.1%}"
            break
        if record.epoch > least and record.recoverable > records[-1].recoverable - HELPS:
            reason = f"epoch {record.epoch} no longer helps"
            break
        records.append(record)
        last = result
        if record.drift > goals.drift:
            gentler = _suggest_gentler(settings)
            reason = f"even the first edit drifts by {record.drift:.1%}, more than {goals.drift:.1%}; {gentler}"
            break
        if record.epoch >= least and record.recoverable <= goals.recoverable:
            recoverable = describe_recoverable(record.recoverable)
            reason = f"what is recoverable, {recoverable}, is within the goal of {goals.recoverable:.1%}"
            break
    reason = "".join(unsolvable) or f"{reason}."
    found = f"edit ridge {settings.edit.ridge:g}, {count(len(records) - 1, 'epoch')}: {reason}"
    return _finish(settings, records, last, found)


def _take_solvable(results: Iterator[EpochResult], reasons: list[str]) -> Iterator[EpochResult]:
    """`results` up to the first epoch that cannot be solved, of which a sentence is added to `reasons`.

    Raises UnsolvableError where that is the first edit.
    """
    solved = 0
    try:
        for result in results:
            yield result
            solved += 1
    except UnsolvableError as error:
        if not solved:
            raise
        reasons.append(f"it ended before epoch {solved}, which cannot be solved: {error}")


def _finish(settings: EraseSettings, records: Sequence[EpochRecord], last: EpochResult, reason: str) -> Schedule:
    return Schedule(replace(settings, epochs=len(records) - 1), tuple(records), last, reason)


def _suggest_gentler(settings: EraseSettings) -> str:
    """What drifts less than `settings` do."""
    ways = ["preserve more texts that are close to the target", "give captions of what your model should go on drawing"]
    if settings.edit.mode != "prior":
        ways.append("choose mode 'prior'")
    if settings.seal:
        ways.append(f"raise seal_caution above {settings.seal_caution:g}")
    return f"{', '.join(ways[:-1])} or {ways[-1]}"


SCHEDULES = ("automatic", "paper", "manual")


def resolve_concepts(
    kind: str,
    targets: str = "",
    default_anchor: str = "",
    preserve: str = "",
    *,
    by_kind: bool = True,
    captions: Sequence[str] = (),
    embeddings: Sequence[Tensor] = (),
) -> Concepts:
    """Concepts as `read_by_kind` reads them; ValueError for its first problem too."""
    reading = read_by_kind(kind, targets, default_anchor, preserve, by_kind=by_kind)
    return reading.to_concepts(kind, captions, embeddings)


def read_by_kind(
    kind: str, targets: str = "", default_anchor: str = "", preserve: str = "", *, by_kind: bool = True
) -> Reading:
    """Concepts as a user types them, see `read_concepts`, with what `kind` has for what is left empty.

    by_kind: erase each name in the phrasings of the kind too. Raises ValueError for an unknown kind.
    """
    preset = get_preset(kind)
    phrasings = preset.phrasings if by_kind else (AS_TYPED,)
    anchor = default_anchor or ("" if preset.finds_anchor else preset.anchor)
    reading = read_concepts(targets, anchor, preserve, phrasings, preset.targets)
    if preset.from_paper or reading.preserve:
        return reading
    return replace(reading, preserve=tuple(reading.suggest(NEIGHBOURS[kind])))


def apply_schedule(schedule: str, concepts: Concepts) -> Concepts:
    """`concepts` as `schedule` erases them: `paper` takes names as typed, its own anchors, and keeps what it does."""
    if schedule != "paper":
        return concepts
    preset = get_preset(concepts.kind)
    anchored = tuple(replace(each, anchors=each.anchors or (preset.anchor,)) for each in concepts.concepts)
    return replace(concepts, concepts=anchored, phrasings=(AS_TYPED,), kept_in_epochs=preset.kept_in_epochs)


def resolve_settings(
    schedule: str, kind: str, settings: EraseSettings, thoroughness: float = 0.5, carefulness: float = 0.5
) -> tuple[EraseSettings, Goals | None]:
    """The settings that `schedule` makes of those asked for, and the goals to search by where it is `automatic`.

    `paper` has mode, iteration, epochs, ridges and scales as the paper has them for `kind`, without value erasure;
    `manual` all as they are. Raises ValueError for an unknown schedule or kind, and for sliders beyond 0 to 1.
    """
    if schedule not in SCHEDULES:
        raise ValueError(f"schedule is {quote(schedule)}; expected one of: {', '.join(SCHEDULES)}.")
    if schedule == "automatic":
        return settings, Goals.from_sliders(thoroughness, carefulness)
    if schedule == "paper":
        preset = get_preset(kind)
        edit = EditSettings(tokens=settings.edit.tokens, ridge_scale=settings.edit.ridge_scale)
        settings = replace(
            settings,
            edit=edit,
            epochs=preset.epochs,
            derivation_ridge=preset.derivation_ridge,
            iteration="paper",
            seal=0.0,
        )
    return settings, None
