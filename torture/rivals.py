"""Two processes that save under one name at the same time, again and again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rece_core.benchmarks.results_table import read_table

from .scenes import Scene, add_case, list_temporary, read_state
from .verdict import judge

TIMES = 40  # that each saves
FIRST = (1000, 2000)  # rows of a table that the two add
TABLE = "table.csv"


def attack(scene: Scene, folder: Path) -> Iterator[dict[str, Any]]:
    """A row: how often the two saved, and what was lost."""
    scene.prepare(folder)
    before = read_state(folder)
    lost = [each for each in _save_at_once(scene, folder, TABLE in before) if each]
    lost += [f"left {name}" for name in list_temporary(folder)]
    try:
        after = read_state(folder)
    except Exception as error:  # whatever it is, that is what was lost
        lost.append(f"{type(error).__name__}: {str(error)[:120]}")
    else:
        added = len(after) - len(before)
        if scene.numbered and added != 2 * TIMES:
            lost.append(f"{added} files of {2 * TIMES}")
        if TABLE in before:
            missing = {first + number for first in FIRST for number in range(TIMES)} - read_table(folder / TABLE).keys()
            lost += [f"row {number} is missing" for number in sorted(missing)]
    yield {"name": f"{scene.name}, two at once", "tried": 2 * TIMES, "failed": len(lost), "lost": lost[:5]}


def _save_at_once(scene: Scene, folder: Path, is_table: bool) -> list[str]:
    """What was wrong with the answers that each process got."""
    start, begin = os.pipe()
    children = []
    for first in FIRST:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(begin)
            os.read(start, 1)  # ends when the other end is closed everywhere
            os.write(writer, _repeat(scene.save, folder, first if is_table else None).encode())
            os._exit(0)
        os.close(writer)
        children.append((child, reader))
    os.close(start)
    os.close(begin)
    found = []
    for child, reader in children:
        with os.fdopen(reader) as answer:
            found += answer.read().splitlines()
        _, status = os.waitpid(child, 0)
        found += [f"a process ended with {status}"] if status else []
    return found


def _repeat(save: Callable[[Path], object], folder: Path, first: int | None) -> str:
    """A line for each answer that is none."""
    lost = []
    for number in range(TIMES):

        def act(path: Path, number: int = number) -> None:
            if first is None:
                save(path)
            else:
                add_case(path, first + number)

        failure = judge(act, folder)
        if failure is not None:
            lost.append(f"{failure.kind}: {failure.message[:80]}")
    return "\n".join(lost)
