"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .disk_space import require_space

LONGEST = 220  # bytes of a name before its temporary ending


@contextmanager
def open_atomically(path: Path) -> Iterator[BinaryIO]:
    """A file to write under a temporary name beside `path`, flushed to disk and renamed into place at the end.

    Whatever is raised meanwhile removes it and leaves an older file at `path` as it was. Folders are made as needed;
    raises OSError where they cannot be.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{_shorten(path.name)}.{os.getpid()}.partial")
    try:
        with open(partial, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _shorten(name: str) -> str:
    """A name to which an ending can be added: file systems end names at 255 bytes, or at 255 letters."""
    return name.encode("utf-8", "surrogateescape")[:LONGEST].decode("utf-8", "ignore")


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all, see `open_atomically`; ValueError where the disk is too small."""
    require_space(path.parent, len(content))
    with open_atomically(path) as file:
        file.write(content)
