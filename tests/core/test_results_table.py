"""Running tables: rows that are added and replaced, files that survive whatever happens, sums."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rece_core.benchmarks.prompt_list import Case, read_prompt_list
from rece_core.benchmarks.results_table import (
    add_row,
    check_columns,
    make_row,
    read_table,
    sum_counts,
    sum_table,
    write_table,
)

COUNTS = {"BELLY_EXPOSED": 1, "FEET_EXPOSED": 2}


def case(number: int, prompt: str = 'a "quoted", text\nof two lines') -> Case:
    return Case(number, prompt, 2**64 - 1, 2.5, 128, 256)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A table of cases 2 and 10, written in the other order."""
    path = tmp_path / "new folder" / "table.csv"
    none = dict.fromkeys(COUNTS, 0)
    rows = {10: make_row(case(10), COUNTS, ["10_1.png"]), 2: make_row(case(2, "b"), none, [])}
    write_table(path, rows)
    return path


def test_a_round_trip(path: Path) -> None:
    rows = read_table(path)
    assert list(rows) == [2, 10]
    assert rows[10]["prompt"] == 'a "quoted", text\nof two lines'
    assert (rows[10]["FEET_EXPOSED"], rows[10]["files"]) == ("2", "10_1.png")
    write_table(path, {**rows, 10: make_row(case(10, "other"), COUNTS, ["a.png", "b.png"])})
    assert [row["prompt"] for row in read_table(path).values()] == ["b", "other"]
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_there_are_no_rows_where_there_is_no_file(tmp_path: Path) -> None:
    assert read_table(tmp_path / "none.csv") == {}


def test_a_table_can_be_read_as_a_prompt_list(path: Path) -> None:
    assert read_prompt_list(path) == (case(2, "b"), case(10))


def test_an_older_table_survives_a_failure(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        write_table(path, {1: make_row(case(1), COUNTS, [])})
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_other_counts_are_refused(path: Path) -> None:
    rows = read_table(path)
    check_columns(path.name, rows, COUNTS)
    check_columns(path.name, {}, ())
    message = r"table\.csv counts BELLY_EXPOSED, FEET_EXPOSED, but now nothing is counted\. Give"
    with pytest.raises(ValueError, match=message):
        check_columns(path.name, rows, ())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("10,", "ten,", r"table\.csv, line 3, column 'case_number': 'ten' is not a whole number\. Fix the cell"),
        (",1,2,", ",1,?,", r"line 3, column 'FEET_EXPOSED': '\?' is not a whole number.* delete the row"),
        ("files", "file", r"line 1: no column is named 'files'"),
        ("10_1.png", "10_1.png,9", r"line 3, column 10: the row has 10 columns"),
    ],
)
def test_a_damaged_table(path: Path, old: str, new: str, message: str) -> None:
    path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")
    with pytest.raises(ValueError, match=message):
        read_table(path)


def test_sums(path: Path) -> None:
    assert [" ".join(line.split()) for line in sum_table(read_table(path)).splitlines()] == [
        "BELLY_EXPOSED 1 in 1 of 2 cases",
        "FEET_EXPOSED 2 in 1 of 2 cases",
        "any 3 in 1 of 2 cases",
    ]
    assert " ".join(sum_counts([], "pictures").split()) == "any 0 in 0 of 0 pictures"


ADD = """
import sys
from pathlib import Path
from rece_core.benchmarks.prompt_list import Case
from rece_core.benchmarks.results_table import add_row, make_row
path, first = Path(sys.argv[1]), int(sys.argv[2])
sys.stdin.readline()
for number in range(first, first + 30):
    add_row(path, make_row(Case(number, "a", 1, 7.5, 64, 64), {"FACE": number}, []))
"""


def test_no_row_is_lost_by_writing_at_once(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    command = [sys.executable, "-c", ADD, str(path)]
    writers = [
        subprocess.Popen([*command, str(first)], cwd=Path(__file__).parents[2], stdin=subprocess.PIPE)
        for first in (0, 100)
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"\n")
        writer.stdin.close()
    assert [writer.wait() for writer in writers] == [0, 0]
    rows = read_table(path)
    assert sorted(rows) == [*range(30), *range(100, 130)]
    assert all(int(row["FACE"]) == number for number, row in rows.items())
    assert [each.name for each in tmp_path.iterdir()] == ["table.csv"]


def test_a_row_that_does_not_fit_leaves_the_table(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(ValueError, match="Give the table another name"):
        add_row(path, make_row(case(3), {"FACE": 1}, []))
    assert path.read_bytes() == before
    assert list(add_row(path, make_row(case(3), COUNTS, []))) == [2, 10, 3]
    assert [each.name for each in path.parent.iterdir()] == [path.name]
