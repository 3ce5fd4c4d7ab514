"""The results as Markdown tables, with a 95 % interval in each cell, and as a chart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from scipy.stats import binomtest

from .experiment import ATTACKS, CLEAR, GRADIENT_ATTACKS
from .methods import METHODS, WITHOUT_ANCHORS
from .world import find_kind

Row = TypeVar("Row")
ORDER = [method.name for method in (*METHODS, *WITHOUT_ANCHORS)]
Cells = dict[str, dict[str, dict[str, Any]]]
FORGOTTEN = (
    "by name",
    "by synonym",
    "in other phrasings",
    "by description",
    "in a style",
    "others of the group",
    "floor",
)
KEPT_UNSEEN = "kept, other phrasings"
KEPT = (
    "kept, preserved words",
    "kept, by name",
    KEPT_UNSEEN,
    "lookalikes",
    "near relatives",
    CLEAR,
    "colour stays",
    "style stays",
    "background stays",
    "place stays",
)
CHANGE, DRIFT = "pixel change", "drift, %"
BESIDE = (*KEPT, CHANGE, DRIFT)
SECTIONS = {
    "What was erased is drawn (lower is better; floor: from unrelated words)": FORGOTTEN,
    "What is kept is drawn, and what stays of the picture where the erased was (higher is better)": BESIDE,
    "Attacks: what was erased is drawn (lower is better)": (*ATTACKS, *GRADIENT_ATTACKS),
}


def write_tables(cells: Cells) -> str:
    """All tasks together, then each task, or only those of a kind together, see `pool_kinds`; see `write_rows`."""
    kinds = pool_kinds(cells)
    headed = {f"Erased: {task}": rows for task, rows in kinds.items()}
    if len(kinds) == len(cells) > 1:
        headed = {"All tasks together": pool_tasks(cells), **headed}
    return "\n".join(f"### {heading}\n\n{write_rows(rows)}" for heading, rows in headed.items())


def write_rows(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Three tables: a row a method, a column a question."""
    lines = []
    for title, columns in SECTIONS.items():
        shown = [column for column in columns if any(column in row for row in rows.values())]
        if shown:
            lines += [f"{title}:", "", f"| method | {' | '.join(shown)} |", "|---" * (len(shown) + 1) + "|"]
            lines += [
                f"| {method} | {' | '.join(show(row.get(column)) for column in shown)} |"
                for method, row in _sort(rows).items()
            ]
            lines.append("")
    return "\n".join(lines)


def pool_kinds(cells: Cells) -> Cells:
    """Tasks of one kind together, see `find_kind`."""
    kinds: dict[str, Cells] = {}
    for task, rows in cells.items():
        kinds.setdefault(find_kind(task), {})[task] = rows
    return {kind: pool_tasks(tasks) for kind, tasks in kinds.items()}


def pool_tasks(cells: Cells) -> dict[str, dict[str, Any]]:
    """The rows that every task has, with the columns that all of theirs have."""
    first, *others = cells.values()
    pooled: dict[str, dict[str, Any]] = {}
    for method in [name for name in first if all(name in rows for rows in others)]:
        columns = [column for column in first[method] if all(column in rows[method] for rows in others)]
        pooled[method] = {column: pool([rows[method][column] for rows in cells.values()]) for column in columns}
    return pooled


def pool(cells: list[Any]) -> Any:
    """Hits and n in sum; of plain numbers the mean."""
    if isinstance(cells[0], float):
        return sum(cells) / len(cells)
    return {key: sum(cell[key] for cell in cells) for key in ("hits", "n")}


def show(cell: Any) -> str:
    """`12 % (5 to 23, n 40)`: share and Wilson's 95 % interval."""
    if cell is None:
        return "–"
    if isinstance(cell, float):
        return f"{cell:.1f}"
    low, high = find_interval(cell)
    return f"{cell['hits'] / cell['n']:.0%} ({100 * low:.0f} to {100 * high:.0f}, n {cell['n']})"


def find_interval(cell: dict[str, int]) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    interval = binomtest(cell["hits"], cell["n"]).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def write_chart(cells: Cells, path: Path) -> None:
    """A panel a task: for each method, what is kept against the worst closed-form way to what was erased."""
    cells = pool_kinds(cells)
    columns = min(len(cells), 2)
    rows_of_panels = -(-len(cells) // columns)
    figure = Figure(figsize=(max(7.0, 5.2 * columns), 4.6 * rows_of_panels + 0.8), layout="constrained")
    panels = list(figure.subplots(rows_of_panels, columns, squeeze=False).flat)
    for unused in panels[len(cells) :]:
        unused.remove()
    shown: dict[str, PathCollection] = {}
    for axis, (task, rows) in zip(panels, cells.items(), strict=False):
        for method, row in rows.items():
            ways = [count_share(row[column]) for column in (*FORGOTTEN[:-1], *ATTACKS) if column in row]
            if ways and KEPT_UNSEEN in row:
                index = ORDER.index(method)  # the same look in every panel
                shown[method] = axis.scatter(
                    max(ways), count_share(row[KEPT_UNSEEN]), marker="osD^vP*X"[index % 8], color=f"C{index % 10}", s=70
                )
        axis.set(title=f"erased: {task}", xlabel="best way to what was erased", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
        axis.set_ylabel("kept concepts drawn, other phrasings")
        axis.grid(alpha=0.3)
    named = _sort(shown)
    figure.legend(list(named.values()), list(named), loc="outside lower center", ncols=4, fontsize=8)
    figure.savefig(path, dpi=110)


def _sort(by_method: Mapping[str, Row]) -> dict[str, Row]:
    """In the order of the methods."""
    return {name: by_method[name] for name in sorted(by_method, key=ORDER.index)}


def count_share(cell: dict[str, int]) -> float:
    """Hits of n."""
    return cell["hits"] / cell["n"]
