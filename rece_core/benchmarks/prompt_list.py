"""Prompts, seeds and guidance from a CSV in the column layouts of I2P, COCO-30k and UCE."""

from __future__ import annotations

import contextlib
import csv
import io
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from ..storage.text_file import decode, read_content

PROMPT = "prompt"
Names = tuple[str, ...]  # names of a column, of which a file has one


@dataclass(frozen=True)
class Case:
    """One row: its number, and what is drawn for it; width and height in pixels."""

    number: int
    prompt: str
    seed: int
    guidance: float
    width: int
    height: int


@dataclass(frozen=True)
class _Column:
    """A number: the names its column has in the papers' files, first come first, and the numbers that are allowed."""

    names: Names
    low: int
    high: int
    default: float = 0
    whole: bool = True


# Defaults are those of RECE's and UCE's scripts. Seeds end where the sampler's do.
COLUMNS = {
    "seed": _Column(("evaluation_seed", "sd_seed"), 0, 2**64 - 1),  # required
    "guidance": _Column(("evaluation_guidance", "sd_guidance_scale"), 0, 100, 7.5, whole=False),
    "width": _Column(("sd_image_width",), 16, 16384, 512),
    "height": _Column(("sd_image_height",), 16, 16384, 512),
}
NUMBER = _Column(("case_number",), 0, 2**63 - 1)
DELIMITERS = (",", ";", "\t")  # as spreadsheets write them, by language and by kind of file
MOST_ROWS, MOST_COLUMNS = 100_000, 1_000
SHOWN = 60  # letters of a cell or a name in a message, and 12 names
REQUIRED: tuple[Names, ...] = ((PROMPT,), COLUMNS["seed"].names)


def read_prompt_list(path: Path) -> tuple[Case, ...]:
    """The rows of a CSV file with a `prompt`, a seed (`evaluation_seed` or `sd_seed`) and, if the columns are there,
    `case_number` (else rows are numbered from 0), `evaluation_guidance` or `sd_guidance_scale`, `sd_image_width` and
    `sd_image_height`. Columns stand between commas, semicolons or tabs, and the text is UTF-8 or UTF-16.

    Raises ValueError, with file, line and column, for a file that is empty or in another encoding, columns that are
    missing, rows of another length than the first line, empty prompts, bad numbers, and a case number that comes twice.
    """
    cases: list[Case] = []
    lines: dict[int, int] = {}
    for line, cells in read_rows(path, REQUIRED):
        row = _Row(f"{path.name}, line {line}", cells)
        case = row.read_case(default_number=len(cases))
        if case.number in lines:
            raise ValueError(
                f"{row.place}, column {NUMBER.names[0]!r}: case {case.number} is in line {lines[case.number]} already. "
                "Give each row a number of its own."
            )
        lines[case.number] = line
        cases.append(case)
    if not cases:
        raise ValueError(f"{path.name} has no rows below its first line. Expected at least one prompt.")
    return tuple(cases)


def take_cases(cases: tuple[Case, ...], start: int, count: int, done: Collection[int] = ()) -> tuple[Case, ...]:
    """The first `count` cases, from place `start` (from 0) on, whose numbers are not in `done`; fewer at the end.

    Raises ValueError where there is none.
    """
    if start >= len(cases):
        raise ValueError(f"start is {start}, but the list has {len(cases)} rows, 0 to {len(cases) - 1}. Lower it.")
    left = [case for case in cases[start:] if case.number not in done]
    if not left:
        raise ValueError(
            f"all {len(cases) - start} rows from row {start} on are in the table already, so nothing is left to do. "
            "To draw them again, give the table another name."
        )
    return tuple(left[:count])


def read_rows(path: Path, required: Collection[Names]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Each row of a CSV file with the number of its first line, as text by column name; blank lines are skipped.

    Of each of `required` the first line must have one name. Raises ValueError as `read_prompt_list` does, for all that
    concerns the file and not the meaning of its cells.
    """
    text = _read_text(path)
    reader = _open_reader(text, _find_delimiter(text, required))
    names: list[str] = []
    rows = 0
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise ValueError(
                f"{path.name}, line {line}: {error}. Expected commas, semicolons or tabs between columns, and texts "
                "with these, quotes or line breaks in double quotes, quotes inside doubled."
            ) from error
        if cells is None:
            break
        if not any(cell.strip() for cell in cells):
            continue
        rows += 1
        if rows > MOST_ROWS + 1:
            raise ValueError(f"{path.name} has more than {MOST_ROWS:,} rows. Split it into several files.")
        if names:
            yield line, dict(zip(names, _check_length(cells, names, f"{path.name}, line {line}"), strict=True))
        else:
            names = _check_names(cells, required, f"{path.name}, line {line}")
    if not names:
        raise ValueError(f"{path.name} is empty. Expected a first line with column names, such as 'prompt,sd_seed'.")


def _read_text(path: Path) -> str:
    content = read_content(path)
    try:
        return decode(content)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path.name}, line {line}: the text is neither UTF-8 nor UTF-16. Save it as a CSV file in UTF-8."
        ) from error


def _open_reader(text: str, delimiter: str) -> Any:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def _find_delimiter(text: str, required: Collection[Names]) -> str:
    """The delimiter by which most of `required` are in the first line that is not blank; a comma where all tell alike.

    It is not guessed from the rows: prompts have commas and semicolons.
    """

    def count_found(delimiter: str) -> int:
        with contextlib.suppress(csv.Error):  # which the comma's reader then tells of
            rows = (row for row in _open_reader(text, delimiter) if any(cell.strip() for cell in row))
            names = {cell.strip() for cell in next(rows, ())}
            return sum(bool(names & set(one_of)) for one_of in required)
        return 0

    return max(DELIMITERS, key=count_found)


def _check_names(cells: list[str], required: Collection[Names], place: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    if len(names) > MOST_COLUMNS:
        raise ValueError(f"{place}: there are {len(names):,} columns; expected at most {MOST_COLUMNS:,}. Remove some.")
    for one_of in required:
        if not set(one_of) & set(names):
            raise ValueError(
                f"{place}: no column is named {' or '.join(map(repr, one_of))}; there are {_list_shown(names)}. "
                "Expected column names in the first line, with commas, semicolons or tabs between them."
            )
    for name, times in Counter(names).items():
        if times > 1:
            raise ValueError(f"{place}: two columns are named {name[:SHOWN]!r}. Rename or remove one.")
    return names


def _list_shown(names: list[str]) -> str:
    more = f" and {len(names) - 12:,} more" if len(names) > 12 else ""
    return ", ".join(repr(name[:SHOWN]) for name in names[:12]) + more


def _check_length(cells: list[str], names: list[str], place: str) -> list[str]:
    if len(cells) > len(names):
        raise ValueError(
            f"{place}, column {len(names) + 1}: the row has {len(cells)} columns, the first line names {len(names)}. "
            "Put texts with commas, semicolons or tabs in double quotes."
        )
    if len(cells) < len(names):
        raise ValueError(
            f"{place}, column {names[len(cells)][:SHOWN]!r}: the row ends before it, after {len(cells)} of "
            f"{len(names)} columns. Fill it up, or fix the quotes."
        )
    return cells


class _Row:
    """One row's cells, and the words for where they stand."""

    def __init__(self, place: str, cells: Mapping[str, str]) -> None:
        self.place, self.cells = place, cells

    def read_case(self, default_number: int) -> Case:
        """The row as a case."""
        prompt = self.cells[PROMPT].strip()
        if not prompt:
            raise ValueError(f"{self.place}, column {PROMPT!r}: the prompt is empty. Write one, or delete the row.")
        numbers = {field: self._read_number(column) for field, column in COLUMNS.items()}
        return Case(
            number=int(self._read_number(replace(NUMBER, default=default_number))),
            prompt=prompt,
            seed=int(numbers["seed"]),
            guidance=float(numbers["guidance"]),
            width=int(numbers["width"]),
            height=int(numbers["height"]),
        )

    def _read_number(self, column: _Column) -> Decimal:
        name = next((name for name in column.names if name in self.cells), None)
        if name is None:
            return Decimal(column.default)
        text = self.cells[name].strip()
        shortened = column.whole and "e" in text.lower()  # 1.84467E+19, and the other digits are gone
        if not column.whole:
            text = text.replace(",", ".")  # 7,5: as spreadsheets write it in most of Europe
        try:
            number = Decimal(text)  # exact for any seed, and takes 7.0 for a whole number
            fits = column.low <= number <= column.high and not (column.whole and (shortened or number % 1))
        except InvalidOperation:  # no number at all, or one that cannot be compared
            fits = False
        if not fits:
            kind = "a whole number" if column.whole else "a number"
            advice = " A spreadsheet shortened it: make the column one of texts there." if shortened else ""
            raise ValueError(
                f"{self.place}, column {name!r}: {self.cells[name][:SHOWN]!r} is not {kind} from {column.low} "
                f"to {column.high}.{advice}"
            )
        return number
