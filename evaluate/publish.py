"""Put what `run.py evaluate` and `run.py evaluate --drift` found into docs/evaluation.md, and the charts beside it.

python -m evaluate.publish
"""

from __future__ import annotations

import json
import shutil

from harness.environment import ROOT
from harness.marks import fill_marks

from .drift import write_drift
from .table import pool_tasks, write_rows

FOLDER, DOCS = ROOT / "out" / "evaluate", ROOT / "docs"
CHARTS = {"table": "evaluation.png", "drift": "evaluation-drift.png"}


def main() -> None:
    cells, drifts = (json.loads((FOLDER / f"{name}.json").read_text("utf-8")) for name in ("table", "drift"))
    document = DOCS / "evaluation.md"
    fill_marks(document, "all tasks", write_rows(pool_tasks(cells)))
    tables = [f"### Erased: {task}\n\n{write_rows(rows)}" for task, rows in cells.items()]
    fill_marks(document, "tasks", "\n".join(tables))
    fill_marks(document, "drift", write_drift(drifts))
    for name, chart in CHARTS.items():
        shutil.copyfile(FOLDER / f"{name}.png", DOCS / chart)


if __name__ == "__main__":
    main()
