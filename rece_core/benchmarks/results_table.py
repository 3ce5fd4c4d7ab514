"""Running tables: a CSV with a row for each case that was drawn, and what was counted in its pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from ..storage.atomic_file import find_target, write_atomically
from ..storage.file_lock import hold_lock
from .prompt_list import SHOWN, Case, read_rows

# Named as in the papers' prompt lists, so that a table can be read as one.
CASE = {
    "case_number": "number",
    "prompt": "prompt",
    "evaluation_seed": "seed",
    "evaluation_guidance": "guidance",
    "sd_image_width": "width",
    "sd_image_height": "height",
}
NUMBER = "case_number"
FILES = "files"
MOST_DIGITS = 19  # of 2**63
Row = Mapping[str, str]


def make_row(case: Case, counts: Mapping[str, int], files: Sequence[str]) -> Row:
    """The row of one case: what was asked, a column for each count, the names of its pictures."""
    asked = {column: str(getattr(case, field)) for column, field in CASE.items()}
    return {**asked, **{name: str(count) for name, count in counts.items()}, FILES: "; ".join(files)}


def read_table(path: Path) -> dict[int, Row]:
    """The rows of a table by case number; none where there is no file yet. Raises ValueError for a damaged one."""
    if not path.exists():
        return {}
    rows: dict[int, Row] = {}
    for line, row in read_rows(path, [(name,) for name in (*CASE, FILES)]):
        for name in (NUMBER, *_count_names(row)):
            if not row[name].isdecimal() or len(row[name]) > MOST_DIGITS:
                raise ValueError(
                    f"{path.name}, line {line}, column {name[:SHOWN]!r}: {row[name][:SHOWN]!r} is not a whole "
                    "number. Fix the cell, or delete the row to have its case drawn again."
                )
        rows[int(row[NUMBER])] = row
    return rows


def check_columns(name: str, rows: Mapping[int, Row], counts: Collection[str]) -> None:
    """ValueError unless rows with these `counts` fit into the table `name` that has `rows`."""
    counted = _count_names(next(iter(rows.values()))) if rows else list(counts)
    if counted != list(counts):
        told = ", ".join(counted)[:SHOWN] or "nothing"
        raise ValueError(
            f"the table {name} counts {told}, but now {', '.join(counts) or 'nothing'} "
            "is counted. Give the table another name."
        )


def add_row(path: Path, row: Row) -> dict[int, Row]:
    """Put `row` into the table at `path`, in place of one of the same number, and return all rows as they are now.

    Several processes may do so at once: none of their rows is lost. Raises ValueError for a table that is damaged or
    counts something else, OSError where it can't be written; then the table is as it was.
    """
    with hold_lock(find_target(path)):
        rows = read_table(path)
        check_columns(path.name, rows, _count_names(row))
        rows[int(row[NUMBER])] = row
        write_table(path, rows)
    return rows


def write_table(path: Path, rows: Mapping[int, Row]) -> None:
    """Write the table, sorted by case number; an older file is replaced whole or not at all."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(next(iter(rows.values()))))
    writer.writeheader()
    writer.writerows(rows[number] for number in sorted(rows))
    write_atomically(path, text.getvalue().encode("utf-8"))


def sum_table(rows: Mapping[int, Row]) -> str:
    """The counts of all rows as text, see `sum_counts`."""
    return sum_counts([{name: int(row[name]) for name in _count_names(row)} for row in rows.values()], "cases")


def sum_counts(counted: Sequence[Mapping[str, int]], things: str) -> str:
    """A line for each name: how many were counted in all, and in how many of the `things`; then the same for any name.

    `counted` has one mapping, of equal names, for each thing that was looked at.
    """
    names = list(counted[0]) if counted else []
    lines = [(name, sum(each[name] for each in counted), sum(each[name] > 0 for each in counted)) for name in names]
    lines.append(("any", sum(line[1] for line in lines), sum(any(each.values()) for each in counted)))
    width = max(len(name) for name, _, _ in lines)
    return "\n".join(
        f"{name.ljust(width)}  {total:5} in {hit:5} of {len(counted)} {things}" for name, total, hit in lines
    )


def _count_names(row: Row) -> list[str]:
    return [name for name in row if name not in (*CASE, FILES)]
