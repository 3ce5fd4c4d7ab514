"""Fill the table, resumably: what is in the JSON file already is not drawn again.

python -m evaluate FOLDER URL=INPUT_FOLDER ... [--per-prompt N] [--quick | --tasks NAME ...] [--rows NAME ...]
                   [--gradient N]
"""

from __future__ import annotations

import argparse
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from demo.judge import load_judge
from harness.client import Client

from .experiment import ATTACKS, GRADIENT_ATTACKS, Experiment, Pictures, measure_change
from .methods import METHODS, ORIGINAL, Method
from .table import write_chart, write_tables
from .tasks import TASKS, Task

KEPT, ERASED = "kept, other phrasings", "by name"
_DRAWN_BEFORE: dict[tuple[str, str], Pictures] = {}  # the original's pictures, by task and column


class Results:
    """The cells so far, by task, method and column; kept in a file."""

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, threading.Lock()
        self.cells: dict[str, dict[str, dict[str, Any]]] = json.loads(path.read_text()) if path.is_file() else {}

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


def main() -> None:
    given = parse_arguments()
    given.folder.mkdir(parents=True, exist_ok=True)
    results = Results(given.folder / "results.json")
    servers: SimpleQueue[str] = SimpleQueue()
    for server in given.servers:
        servers.put(server)
    tasks = TASKS[:1] if given.quick else [task for task in TASKS if task.name in given.tasks]
    jobs = [(task, method) for task in tasks for method in METHODS if method.name in given.rows]

    def work(job: tuple[Task, Method]) -> None:
        server = servers.get()
        try:
            url, _, inputs = server.partition("=")
            with Client(url) as client:
                fill(Experiment(client, Path(inputs), load_judge(), job[0], given.per_prompt), job[1], results, given)
        finally:
            servers.put(server)

    with ThreadPoolExecutor(len(given.servers)) as pool:
        list(pool.map(work, jobs))
    (given.folder / "table.md").write_text(write_tables(results.cells), encoding="utf-8")
    write_chart(results.cells, given.folder / "chart.png")
    print(f"Open {given.folder / 'table.md'} and {given.folder / 'chart.png'}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run.py evaluate", description="Compare ways to make the demo model forget.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("servers", nargs="+")
    parser.add_argument("--per-prompt", type=int, default=1, help="pictures of each prompt (default: 1)")
    parser.add_argument("--quick", action="store_true", help="the first task alone")
    names, rows = [task.name for task in TASKS], [method.name for method in METHODS]
    parser.add_argument("--tasks", nargs="+", choices=names, default=names, metavar="NAME", help=f"of {names}")
    parser.add_argument("--rows", nargs="+", choices=rows, default=rows, metavar="NAME", help=f"of {rows}")
    parser.add_argument("--gradient", type=int, default=0, help="prompts to attack by gradient, slow (default: 0)")
    return parser.parse_args()


def fill(experiment: Experiment, method: Method, results: Results, given: argparse.Namespace) -> None:
    """All cells of one row."""
    start, task = time.perf_counter(), experiment.task
    questions = {**task.questions(), "floor": task.floor()}
    for column, asked in questions.items():
        if not results.has(task, method, column):
            pictures = experiment.ask(method, asked)
            results.put(task, method, {column: experiment.count(pictures), **compare(experiment, column, pictures)})
    for attack in () if method.negative else ATTACKS:
        if not results.has(task, method, attack):
            results.put(task, method, {attack: experiment.count(experiment.attack(method, attack))})
    for attack in () if method.negative or not given.gradient else GRADIENT_ATTACKS:
        if not results.has(task, method, attack):
            pictures = experiment.attack_by_gradient(method, attack, given.gradient)
            results.put(task, method, {attack: experiment.count(pictures)})
    print(f"{task.name}: {method.name}, {time.perf_counter() - start:.0f} s", flush=True)


def compare(experiment: Experiment, column: str, after: Pictures) -> dict[str, Any]:
    """What the original drew for the same prompts and seeds, beside it; for two of the columns."""
    if column not in (KEPT, ERASED):
        return {}
    key = (experiment.task.name, column)
    if key not in _DRAWN_BEFORE:
        _DRAWN_BEFORE[key] = experiment.ask(ORIGINAL, experiment.task.questions()[column])
    before = _DRAWN_BEFORE[key]
    if column == KEPT:
        return {"pixel change": measure_change(before, after)}
    return experiment.count_what_stays(before, after)


if __name__ == "__main__":
    main()
