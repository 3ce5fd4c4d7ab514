"""What a drift costs: erasures with value erasers that drift little to much, and what is kept that each still draws."""

from __future__ import annotations

from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from demo.graphs import ITERATE
from rece_core.erasing.schedule import LOOSEST

from .methods import ORIGINAL
from .table import DRIFT, KEPT_UNSEEN, Cells, count_share, pool, show

BOUNDS = (0, 10, 20, 30, 40, 50, 60, 80, inf)  # percent
CAREFULNESS = ITERATE["carefulness"]
LIMIT = 100 * LOOSEST * (1 - CAREFULNESS)


def write_drift(cells: Cells) -> str:
    """A table of ranges of drift: how often what is kept is drawn in unseen phrasings, and by the original."""
    lines = ["| drift | erasures | kept is drawn | the original draws it |", "|---|---:|---|---|"]
    for low, high in pairwise(BOUNDS):
        found = [(task, row) for task, row in _list_erasures(cells) if low <= row[DRIFT] < high]
        if found:
            after = pool([row[KEPT_UNSEEN] for _, row in found])
            before = pool([cells[task][ORIGINAL.name][KEPT_UNSEEN] for task, _ in found])
            bounds = f"{low} % and more" if high == inf else f"{low} to {high} %"
            lines.append(f"| {bounds} | {len(found)} | {show(after)} | {count_share(before):.0%} |")
    return "\n".join(lines) + "\n"


def write_drift_chart(cells: Cells, path: Path) -> None:
    """A point an erasure: the share of what is kept that is still drawn, by drift."""
    figure = Figure(figsize=(7.0, 4.6), layout="constrained")
    axis = figure.subplots()
    for index, (task, rows) in enumerate(cells.items()):
        before = count_share(rows[ORIGINAL.name][KEPT_UNSEEN])
        points = [(row[DRIFT], count_share(row[KEPT_UNSEEN]) / before) for _, row in _list_erasures({task: rows})]
        axis.scatter(*zip(*points, strict=True), marker="osD^"[index % 4], color=f"C{index}", alpha=0.8, label=task)
    axis.axvline(LIMIT, color="0.5", linestyle="--", label=f"the limit at carefulness {CAREFULNESS}")
    axis.set(xlabel="drift of the probes, %", ylabel="kept concepts drawn, of what the original draws")
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    axis.legend(title="erased", fontsize=8)
    figure.savefig(path, dpi=110)


def _list_erasures(cells: Cells) -> list[tuple[str, dict[str, Any]]]:
    """Each erasure with its task."""
    return [(task, row) for task, rows in cells.items() for name, row in rows.items() if name != ORIGINAL.name]
