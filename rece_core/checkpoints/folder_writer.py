"""A folder written again with some weights of its files changed; all other bytes are copied as they are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from ..storage.tensor_rewrite import Change, OnBytes, rewrite_tensors
from .file_view import FileView

AddNote = Callable[[Mapping[str, str]], dict[str, str]]


def rewrite_view(
    view: FileView,
    path: Path,
    changes: Mapping[str, Change],
    add_note: AddNote,
    on_bytes: OnBytes,
    left_out: Collection[str] = (),
) -> None:
    """Write the file or the folder of `view` to `path` with new tensors where `changes` names them.

    add_note: the header of a changed file, of what it was. left_out: files of the folder that are not written, relative
    to it. Whole or not at all: see `rewrite_tensors` for that and for `on_bytes`. Raises OSError where something is
    at `path` that a folder would replace.
    """
    files = {file.path: file for file, _ in view.places.values()}
    own: dict[Path, dict[str, Change]] = {}
    for name, change in changes.items():
        file, stored = view.places[name]
        own.setdefault(file.path, {})[stored] = change

    dropped = [view.places[name][1] for name in left_out if name in view.places]

    def rewrite(source: Path, goal: Path) -> None:
        file = files[source]
        rewrite_tensors(file, goal, own.get(source, {}), add_note(file.metadata), on_bytes, dropped)

    if view.path in files:
        rewrite(view.path, path)
        return
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        for source in sorted(view.path.rglob("*")):
            inside = source.relative_to(view.path)
            goal = partial / inside
            if source.is_dir():
                goal.mkdir(parents=True, exist_ok=True)
            elif source in own:
                rewrite(source, goal)
            elif inside.as_posix() not in left_out:
                goal.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, goal)
                on_bytes(goal.stat().st_size)
        os.rename(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
