"""What is being written, under names of its own; what dead processes left of it is removed by who writes next.

A writer holds a lock on what it writes. What nobody holds has no writer any more. Where the file system has no locks,
what has not changed for a day is taken for that.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .file_lock import is_same, try_lock

LONGEST = 200  # bytes of a name before its temporary ending
LEFTOVER = re.compile(r"\.rece-[0-9a-f]{16}\.partial$")
OLD = 24 * 60 * 60  # seconds
HAS_LOCKS = sys.platform != "win32"  # there a lock would keep the writer itself from writing under another handle


@contextmanager
def open_partial(path: Path, is_folder: bool = False) -> Iterator[Path]:
    """A new, empty file beside `path`, or a folder, that is removed at the end unless it has another name by then.

    What dead writers left in that folder is removed first. Raises OSError where there can be none.
    """
    clear_leftovers(path.parent)
    partial, descriptor = _make(path, is_folder)
    try:
        yield partial
    finally:
        with suppress(OSError):  # then the next writer removes it
            remove(partial)
        if descriptor is not None:
            os.close(descriptor)


def clear_leftovers(folder: Path) -> None:
    """Remove what writers that are dead left in `folder`; what cannot be removed stays."""
    with suppress(OSError):
        for name in os.listdir(folder):
            if LEFTOVER.search(name):
                with suppress(OSError):
                    _clear(folder / name)


def remove(partial: Path) -> None:
    """Remove a file, or a folder with what is in it, where it is there."""
    if partial.is_dir():
        shutil.rmtree(partial, ignore_errors=True)
    else:
        partial.unlink(missing_ok=True)


def _make(path: Path, is_folder: bool) -> tuple[Path, int | None]:
    while True:
        ending = f".rece-{secrets.token_hex(8)}.partial"
        partial = path.with_name(_shorten(path.name) + ending)
        if is_folder:
            partial.mkdir()
        else:
            os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        if not HAS_LOCKS:
            return partial, None
        try:
            descriptor = os.open(partial, os.O_RDONLY if is_folder else os.O_RDWR)
        except FileNotFoundError:  # taken for a leftover before it was locked
            continue
        except OSError:
            remove(partial)
            raise
        locked = try_lock(descriptor)
        if locked is not False and is_same(descriptor, partial):
            return partial, descriptor
        os.close(descriptor)


def _clear(leftover: Path) -> None:
    if not HAS_LOCKS:
        if _is_old(leftover):
            remove(leftover)
        return
    descriptor = os.open(leftover, os.O_RDONLY if leftover.is_dir() else os.O_RDWR)
    try:
        locked = try_lock(descriptor)
        if locked or (locked is None and _is_old(leftover)):
            remove(leftover)
    finally:
        os.close(descriptor)


def _is_old(path: Path) -> bool:
    """By a clock that may have been set back meanwhile."""
    return abs(time.time() - path.stat().st_mtime) > OLD


def _shorten(name: str) -> str:
    """A name to which an ending can be added: file systems end names at 255 bytes, or at 255 letters."""
    return name.encode("utf-8", "surrogateescape")[:LONGEST].decode("utf-8", "ignore")
