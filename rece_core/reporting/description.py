"""An erasure in words: the text report that nodes show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..erasing.erase import EpochRecord
from ..erasing.erasure import Erasure
from ..erasing.settings import EraseSettings
from ..texts.questions import list_questions
from ..texts.wording import count, describe_forgotten, describe_recoverable, is_share

HEADER = ("after", "forgotten", "recoverable", "at norm", "drift", "rank", "condition")
LEGEND = (
    "forgotten: 100 % means the words now act as their anchor. recoverable: what the derived embedding still brings "
    "back, at that multiple of the usual norm. drift: how far texts that were not preserved moved. "
    "condition: how hard the whole erasure is to undo."
)


def describe_erasure(erasure: Erasure) -> str:
    """What was erased, the measures after each edit as a table, and how to read them; several lines of plain text.

    What of the texts may be meant otherwise is asked behind them, see `questions`.
    """
    lines = [erasure.concepts.describe()]
    lines += [f"? {each.message}" for each in list_questions(erasure.concepts.concepts)]
    for cond_input, part in erasure.parts.items():
        lines += ["", f"conditioning input '{cond_input}'"] if len(erasure.parts) > 1 else []
        lines += [describe_settings(part.settings), *([part.note] if part.note else []), "", *_tabulate(part.records)]
        lines += _explain(part.records)
    left_alone = [
        f"conditioning input '{cond_input}' is left alone: {reason}"
        for cond_input, reason in erasure.left_alone.items()
    ]
    return "\n".join([*lines, *(["", *left_alone] if left_alone else []), "", LEGEND])


def describe_settings(settings: EraseSettings) -> str:
    """How it was erased, in one line."""
    edit = settings.edit
    erased = f", values erased {settings.seal:.0%} (shrinkage {settings.shrinkage:g})" if settings.seal else ""
    return (
        f"mode {edit.mode}{erased}, {count(settings.epochs, 'epoch')} ({settings.iteration}), edit ridge "
        f"{edit.ridge:g} ({edit.ridge_scale}), derivation ridge {settings.derivation_ridge:g}"
    )


def summarize_erasure(erasure: Erasure) -> str:
    """The same in a few short lines, for the face of a node."""
    lines = [erasure.concepts.summarize()]
    for cond_input, part in erasure.parts.items():
        name = f"{cond_input}, " if len(erasure.parts) > 1 else ""
        lines += [name + _line(record) for record in part.records]
    return "\n".join(
        [*lines, *(f"{cond_input}: left alone, {reason}" for cond_input, reason in erasure.left_alone.items())]
    )


def _line(record: EpochRecord) -> str:
    name, _, _, _, drift, *_ = _row(record)
    return f"{name}: {_describe_measures(record)}, drift {drift}"


def _describe_measures(record: EpochRecord) -> str:
    return f"forgotten {describe_forgotten(record.forgotten)}, recoverable {describe_recoverable(record.recoverable)}"


def _explain(records: Sequence[EpochRecord]) -> list[str]:
    """A line for each edit of which the table has numbers that are no shares."""
    return [
        f"{_row(record)[0]}: {_describe_measures(record)}."
        for record in records
        if not (is_share(record.forgotten) and is_share(record.recoverable))
    ]


def _tabulate(records: Sequence[EpochRecord]) -> list[str]:
    rows = [HEADER, *map(_row, records)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def _row(record: EpochRecord) -> tuple[str, ...]:
    return (
        f"epoch {record.epoch}" if record.epoch else "first edit",
        f"{record.forgotten:.1%}",
        f"{record.recoverable:.1%}",
        f"{record.norm_ratio:.2f} x",
        f"{record.drift:.2%}",
        str(record.rank),
        "–" if record.condition is None else f"{record.condition:.3g}",
    )


NEGLIGIBLE = 1e-3  # of the edit


@dataclass(frozen=True)
class Rounding:
    """types: of the edited weights, in their order. added: ‖round(W') − W'‖ / ‖W' − W‖ over all of them together.

    computed_in: the type in which the edit is added at each step to weights that stay as they are stored, those of GGUF
    files; None where there are none.
    """

    types: tuple[str, ...]
    added: float
    computed_in: str | None = None

    def describe(self) -> str:
        """One line for a report; it says what to do where the rounding is as large as the edit."""
        kept, rounding = f"weights are stored as {', '.join(self.types)}", "rounding them"
        if self.computed_in:
            kept += f"; to what those of GGUF stand for the edit is added at each step, in {self.computed_in}"
            rounding = "rounding"
        if self.added <= NEGLIGIBLE:
            return f"{kept}: {rounding} adds under {NEGLIGIBLE:.1%} to the edit"
        advice = "; edit a wider copy of the model where you can" if self.added >= 1 else ""
        return f"{kept}: {rounding} adds noise of {self.added:.2g} times the edit{advice}"
