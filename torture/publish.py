"""Put what `run.py torture` found into docs/reliability.md: `python -m torture.publish`."""

from __future__ import annotations

from harness.environment import ROOT
from harness.marks import fill_marks

from .report import read_rows, write_rows

FOLDER, DOCUMENT = ROOT / "out" / "torture", ROOT / "docs" / "reliability.md"


def main() -> None:
    """Fill the table with all rows there are."""
    fill_marks(DOCUMENT, "rows", write_rows(read_rows(FOLDER)))


if __name__ == "__main__":
    main()
