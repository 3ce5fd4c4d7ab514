"""Put what `run.py evaluate` found into README and docs: the tables of each world that was evaluated, with its charts.

python -m evaluate.publish
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.environment import ROOT
from harness.marks import fill_marks

from .drift import write_drift, write_drift_chart
from .table import KEPT_UNSEEN, count_share, pool_tasks, write_chart, write_rows, write_tables

FOLDER, DOCS = ROOT / "out" / "evaluate", ROOT / "docs"
SHORT = {
    "original": "original",
    "negative prompt": "negative prompt",
    "first edit (UCE)": "first edit (UCE)",
    "RECE, as in the paper": "RECE, as in the paper",
    "RECE, cumulative": "RECE, cumulative",
    "prior": "preserve prior",
    "strict": "strict",
    "automatic, prior + value erasure": "**preserve prior and value erasure, automatic** (the default)",
    "prior + value erasure, hardened": "preserve prior and value erasure, hardened by what the red team found",
}
COLUMNS = {
    "by name": "by name",
    "by description": "by description",
    KEPT_UNSEEN: "kept, unseen phrasings",
    "derived, adaptive": "adaptive attack",
    "adaptive × 2.5": "at 2.5 × its norm",
}


def main() -> None:
    if all(_find(name).is_file() for name in ("table", "drift")):
        publish_shapes()
    for world in ("emoji", "emoji_unet"):
        if _find(f"table_{world}").is_file():
            publish_emoji(world)


def publish_shapes() -> None:
    """The shapes: in README in short, in docs/evaluation.md in full."""
    cells, drifts = (json.loads(_find(name).read_text("utf-8")) for name in ("table", "drift"))
    together, document = pool_tasks(cells), DOCS / "evaluation.md"
    fill_marks(ROOT / "README.md", "evaluation", write_short(together))
    fill_marks(document, "all tasks", write_rows(together))
    tables = [f"### Erased: {task}\n\n{write_rows(rows)}" for task, rows in cells.items()]
    fill_marks(document, "tasks", "\n".join(tables))
    fill_marks(document, "drift", write_drift(drifts))
    write_chart(cells, DOCS / "evaluation.png")
    write_drift_chart(drifts, DOCS / "evaluation-drift.png")


def publish_emoji(world: str) -> None:
    """One of the emoji models: docs/evaluation-emoji.md."""
    cells = json.loads(_find(f"table_{world}").read_text("utf-8"))
    fill_marks(DOCS / "evaluation-emoji.md", world, write_tables(cells))
    sheet = FOLDER / f"table_{world}_sheet.png"
    if sheet.is_file():
        shutil.copyfile(sheet, DOCS / f"evaluation_{world}_sheet.png")


def _find(name: str) -> Path:
    return FOLDER / f"{name}.json"


def write_short(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """README's table: some rows, some columns, shares alone."""
    lines = [f"| method | {' | '.join(COLUMNS.values())} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for method, name in SHORT.items():
        cells = [rows[method].get(column) for column in COLUMNS]
        shares = [f"{count_share(cell):.0%}" if cell else "–" for cell in cells]
        lines.append(f"| {name} | {' | '.join(shares)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
