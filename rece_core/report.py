"""An erasure in words: the text report that nodes show."""

from __future__ import annotations

from .erase import EpochRecord
from .erasure import Erasure
from .settings import EraseSettings

HEADER = ("after", "forgotten", "recoverable", "at norm", "drift", "rank", "condition")
LEGEND = (
    "forgotten: 100 % means the words now act as their anchor. recoverable: what the derived embedding still brings "
    "back, at that multiple of the usual norm. drift: how far texts that were not preserved moved. "
    "condition: how hard the erasure is to undo."
)


def describe_erasure(erasure: Erasure) -> str:
    """What was erased, the measures after each edit as a table, and how to read them; several lines of plain text."""
    rows = [HEADER, *(_row(record) for record in erasure.records)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    table = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    notes = [describe_settings(erasure.settings), *([erasure.note] if erasure.note else [])]
    return "\n".join([erasure.concepts.describe(), *notes, "", *table, "", LEGEND])


def describe_settings(settings: EraseSettings) -> str:
    """How it was erased, in one line."""
    edit = settings.edit
    seal = f", sealed {settings.seal:.0%} (caution {settings.seal_caution:g})" if settings.seal else ""
    return (
        f"mode {edit.mode}{seal}, {settings.epochs} epochs ({settings.iteration}), edit ridge {edit.ridge:g} "
        f"({edit.ridge_scale}), derivation ridge {settings.derivation_ridge:g}"
    )


def summarize_erasure(erasure: Erasure) -> str:
    """The same in a few short lines, for the face of a node."""
    return "\n".join([erasure.concepts.summarize(), *map(_line, erasure.records)])


def _line(record: EpochRecord) -> str:
    name, forgotten, recoverable, _, drift, *_ = _row(record)
    return f"{name}: forgotten {forgotten}, recoverable {recoverable}, drift {drift}"


def _row(record: EpochRecord) -> tuple[str, ...]:
    return (
        f"epoch {record.epoch}" if record.epoch else "first edit",
        f"{record.forgotten:.1%}",
        f"{record.recoverable:.1%}",
        f"{record.norm_ratio:.2f} x",
        f"{record.drift:.2%}",
        str(record.rank),
        f"{record.condition:.3g}",
    )
