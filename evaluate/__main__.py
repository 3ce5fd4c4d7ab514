"""Fill the table, resumably: what is in the JSON file already is not drawn again.

python -m evaluate FOLDER URL=INPUT_FOLDER ... [--world NAME] [--half NAME] [--per-prompt N]
                   [--quick | --tasks NAME ...] [--rows NAME ...] [--gradient N] [--drift]
"""

from __future__ import annotations

import argparse
import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from emoji.show import SAMPLINGS
from harness.client import Client

from .drift import write_drift, write_drift_chart
from .emoji import HALVES, load_emoji
from .experiment import ATTACKS, GRADIENT_ATTACKS, Experiment, Pictures, measure_change
from .methods import DRIFTING, METHODS, ORIGINAL, WITHOUT_ANCHORS, Method
from .shapes import load_shapes
from .sheet import save_pictures, write_sheet
from .table import DRIFT, KEPT_UNSEEN, Cells, write_chart, write_tables
from .world import Task, World, find_kind

SHAPES = "shapes"
ROWS = (*METHODS, *WITHOUT_ANCHORS)
_DRAWN_BEFORE: dict[tuple[str, str], Pictures] = {}  # the original's pictures, by task and column


class Results:
    """The cells so far, by task, method and column; kept in a file."""

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, threading.Lock()
        self.cells: Cells = json.loads(path.read_text()) if path.is_file() else {}

    def has(self, task: Task, method: Method, column: str) -> bool:
        """Whether that cell is filled."""
        return column in self.cells.get(task.name, {}).get(method.name, {})

    def put(self, task: Task, method: Method, columns: dict[str, Any]) -> None:
        """Fill cells and write the file."""
        with self._lock:
            self.cells.setdefault(task.name, {}).setdefault(method.name, {}).update(columns)
            partial = self.path.with_suffix(".partial")
            partial.write_text(json.dumps(self.cells, indent=1), encoding="utf-8")
            os.replace(partial, self.path)


@dataclass(frozen=True)
class Table:
    """What is asked of which methods, and how it is shown; `name` is that of the files."""

    name: str
    methods: Sequence[Method]
    fill: Callable[[Experiment, Method, Results, argparse.Namespace], None]
    write: Callable[[Cells], str]
    draw: Callable[[Cells, Path], None]


def main() -> None:
    given = parse_arguments()
    world = load_shapes() if given.world == SHAPES else load_emoji(given.world, given.half)
    tasks = choose_tasks(world, given)
    methods = METHODS if given.world == SHAPES else ROWS
    rows = [method for method in methods if method.name in given.rows]
    table = Table(name_file("table", given), rows, fill_row, write_tables, write_chart)
    if given.drift:
        drifting = (ORIGINAL, *DRIFTING)
        table = Table(name_file("drift", given), drifting, fill_drift, write_drift, write_drift_chart)
    given.folder.mkdir(parents=True, exist_ok=True)
    results = Results(given.folder / f"{table.name}.json")
    servers: SimpleQueue[str] = SimpleQueue()
    for server in given.servers:
        servers.put(server)

    def work(job: tuple[Task, Method]) -> None:
        (task, method), start, server = job, time.perf_counter(), servers.get()
        try:
            url, _, inputs = server.partition("=")
            with Client(url) as client:
                experiment = Experiment(client, Path(inputs), world, task, given.per_prompt)
                table.fill(experiment, method, results, given)
        finally:
            servers.put(server)
        print(f"{task.name}: {method.name}, {time.perf_counter() - start:.0f} s", flush=True)

    with ThreadPoolExecutor(len(given.servers)) as pool:
        list(pool.map(work, [(task, method) for task in tasks for method in table.methods]))
    text, chart = (given.folder / f"{table.name}.{ending}" for ending in ("md", "png"))
    text.write_text(table.write(results.cells), encoding="utf-8")
    table.draw(results.cells, chart)
    write_sheet(name_strips(given), world, given.folder / f"{table.name}_sheet.png")
    print(f"Open {text} and {chart}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run.py evaluate", description="Compare ways to make a model that ships forget."
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("servers", nargs="+")
    parser.add_argument("--per-prompt", type=int, default=1, help="pictures of each prompt (default: 1)")
    parser.add_argument("--quick", action="store_true", help="the first task alone")
    parser.add_argument("--world", choices=[SHAPES, *SAMPLINGS], default=SHAPES, help="which model (default: shapes)")
    parser.add_argument("--half", choices=HALVES, default=HALVES[-1], help="of the emoji (default: %(default)s)")
    parser.add_argument("--tasks", nargs="+", metavar="NAME", help="of the world's, or kinds (default: all)")
    rows = [method.name for method in ROWS]
    parser.add_argument("--rows", nargs="+", choices=rows, default=rows, metavar="NAME", help=f"of {rows}")
    parser.add_argument("--without-attacks", action="store_true", help="half the time")
    parser.add_argument("--gradient", type=int, default=0, help="prompts to attack by gradient, slow (default: 0)")
    parser.add_argument(
        "--drift", action="store_true", help="another table: what erasures that drift little to much still draw"
    )
    return parser.parse_args()


def choose_tasks(world: World, given: argparse.Namespace) -> list[Task]:
    """Those that were asked for, by their names or kinds; SystemExit where there is none."""
    asked = set(given.tasks or ())
    known = {name for task in world.tasks for name in (task.name, find_kind(task.name))}
    if not asked <= known:
        raise SystemExit(f"no task is called {min(asked - known)!r}; expected of {sorted(known)}")
    if given.quick:
        return list(world.tasks[:1])
    return [task for task in world.tasks if not asked or not asked.isdisjoint({task.name, find_kind(task.name)})]


def name_file(what: str, given: argparse.Namespace) -> str:
    """What the results of a world are called; those of the shapes as `what` alone."""
    if given.world == SHAPES:
        return what
    half = f"_{given.half}" if given.half != HALVES[-1] else ""
    return f"{what}_{'emoji_unet' if 'U-Net' in given.world else 'emoji'}{half}"


def name_strips(given: argparse.Namespace) -> Path:
    """Where the pictures for the sheet are kept."""
    return Path(given.folder / f"{name_file('pictures', given)}")


def fill_row(experiment: Experiment, method: Method, results: Results, given: argparse.Namespace) -> None:
    """All cells of one row."""
    task = experiment.task
    put_drift(experiment, method, results)
    questions = {**task.questions(), "floor": task.floor()}
    for column, asked in questions.items():
        if not results.has(task, method, column):
            pictures = experiment.ask(method, asked)
            save_pictures(name_strips(given), task, method, column, pictures.pixels)
            results.put(task, method, {column: experiment.count(pictures), **compare(experiment, column, pictures)})
    for attack in () if method.negative or given.without_attacks else ATTACKS:
        if not results.has(task, method, attack):
            results.put(task, method, {attack: experiment.count(experiment.attack(method, attack))})
    for attack in () if method.negative or not given.gradient else GRADIENT_ATTACKS:
        if not results.has(task, method, attack):
            pictures = experiment.attack_by_gradient(method, attack, given.gradient)
            results.put(task, method, {attack: experiment.count(pictures)})


def fill_drift(experiment: Experiment, method: Method, results: Results, given: argparse.Namespace) -> None:
    """How far an erasure drifts, and what it still draws of what is kept."""
    task = experiment.task
    put_drift(experiment, method, results)
    if not results.has(task, method, KEPT_UNSEEN):
        kept = experiment.ask(method, task.questions()[KEPT_UNSEEN])
        results.put(task, method, {KEPT_UNSEEN: experiment.count(kept)})


def put_drift(experiment: Experiment, method: Method, results: Results) -> None:
    """How far an erasure moves the probes; nothing for what erases nothing."""
    if method.widgets is not None and not results.has(experiment.task, method, DRIFT):
        results.put(experiment.task, method, {DRIFT: experiment.measure_drift(method)})


def compare(experiment: Experiment, column: str, after: Pictures) -> dict[str, Any]:
    """What the original drew for the same prompts and seeds, beside it; for two of the columns."""
    asked = experiment.task.questions()
    erased = next(each for each in ("in a style", "by name") if each in asked)
    if column not in (KEPT_UNSEEN, erased):
        return {}
    key = (experiment.task.name, column)
    if key not in _DRAWN_BEFORE:
        _DRAWN_BEFORE[key] = experiment.ask(ORIGINAL, asked[column])
    before = _DRAWN_BEFORE[key]
    if column == KEPT_UNSEEN:
        return {"pixel change": measure_change(before, after)}
    return experiment.count_what_stays(before, after)


if __name__ == "__main__":
    main()
