"""Write the slowest tests into CONTRIBUTING.md, from a report of pytest: `python -m harness.durations REPORT.xml`.

`python run.py test --junitxml=REPORT.xml` makes the report.
"""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

from .environment import ROOT
from .marks import fill_marks

MOST = 20
PAGE = ROOT / "CONTRIBUTING.md"


def main(report: Path) -> None:
    fill_marks(PAGE, "slowest", tabulate(read_durations(report)))


def read_durations(report: Path) -> dict[str, float]:
    """The seconds that each test took with its set-up, by file and name, slowest first."""
    cases = ElementTree.parse(report).iter("testcase")  # noqa: S314 - pytest wrote it
    found = {f"{case.get('classname')}::{case.get('name')}": float(case.get("time", 0)) for case in cases}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def tabulate(durations: dict[str, float]) -> str:
    """The slowest tests as a table, and what they are of the whole."""
    slowest = list(durations.items())[:MOST]
    rows = [f"| {seconds:.1f} | `{name.removeprefix('tests.')}` |" for name, seconds in slowest]
    share = sum(seconds for _, seconds in slowest) / sum(durations.values())
    total = f"Together {sum(seconds for _, seconds in slowest):.0f} s, {share:.0%} of what all {len(durations)} take."
    return "\n".join(["| seconds | test |", "|---:|---|", *rows, "", total])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
