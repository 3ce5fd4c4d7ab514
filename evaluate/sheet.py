"""What some methods draw, side by side: of each kind of task the first one's prompts, erased and kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from .methods import METHODS, ORIGINAL, Method
from .world import Task, World, find_kind

SHOWN = (ORIGINAL, METHODS[3], METHODS[-1])  # the original, the paper's, and the default
COLUMNS = ("by name", "kept, by name")
EACH = 8  # pictures of a column


def save_pictures(folder: Path, task: Task, method: Method, column: str, pixels: np.ndarray) -> None:
    """Keep the first of the pictures (n, side, side, 3) as a strip, where the sheet shows them."""
    if method in SHOWN and column in COLUMNS:
        path = _find(folder, task, method, column)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.concatenate(list(pixels[:EACH]), 1)).save(path)


def write_sheet(folder: Path, world: World, path: Path) -> None:
    """A band a kind of task, a row a method; left of the gap what was erased is asked for, right of it what is kept.

    What was not drawn is left out.
    """
    drawn = {task: [each for each in SHOWN if _is_drawn(folder, task, each)] for task in _take_firsts(world.tasks)}
    tasks = [task for task, methods in drawn.items() if methods]
    if not tasks:
        return
    figure = Figure(figsize=(12, 0.35 + sum(0.3 + 0.6 * len(drawn[task]) for task in tasks)), layout="constrained")
    axes = figure.subplots(len(tasks), 1, squeeze=False)[:, 0]
    for axis, task in zip(axes, tasks, strict=True):
        rows = [
            _join([np.asarray(Image.open(each)) for each in _list_row(folder, task, method)]) for method in drawn[task]
        ]
        side = rows[0].shape[0]
        axis.imshow(np.concatenate(rows), interpolation="lanczos")
        axis.set_yticks([side * (place + 0.5) for place in range(len(rows))], [each.name for each in drawn[task]])
        axis.set_xticks([])
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
        axis.set_title(f"{task.name}   (left: what was erased is asked for; right: what is kept)", loc="left")
    figure.savefig(path, dpi=80)


def _take_firsts(tasks: Sequence[Task]) -> list[Task]:
    return list({find_kind(task.name): task for task in reversed(tasks)}.values())[::-1]


def _is_drawn(folder: Path, task: Task, method: Method) -> bool:
    return all(path.is_file() for path in _list_row(folder, task, method))


def _list_row(folder: Path, task: Task, method: Method) -> list[Path]:
    return [_find(folder, task, method, column) for column in COLUMNS]


def _find(folder: Path, task: Task, method: Method, column: str) -> Path:
    return folder / f"{re.sub('[^a-z0-9]+', '_', f'{task.name} {method.name} {column}'.lower())}.png"


def _join(strips: Sequence[np.ndarray]) -> np.ndarray:
    """Side by side, with a white gap."""
    gap = np.full_like(strips[0][:, : strips[0].shape[0] // 2], 255)
    return np.concatenate([strips[0], gap, *strips[1:]], 1)
