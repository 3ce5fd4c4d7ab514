"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .disk_space import require_space
from .partial import open_partial

NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def find_target(path: Path) -> Path:
    """The file that is replaced when `path` is written: what a link, or a chain of them, points to, there or not."""
    return Path(os.path.realpath(path))


@contextmanager
def open_atomically(path: Path) -> Iterator[BinaryIO]:
    """A file to write under a temporary name beside `path`, flushed to disk and renamed into place at the end.

    Where `path` is a link, what it points to is replaced. Whatever is raised meanwhile removes the new file and leaves
    an older one as it was. Folders are made as needed; raises OSError where they cannot be.
    """
    path = find_target(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_partial(path) as partial:
        with open(partial, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        flush_folder(path.parent)


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all, see `open_atomically`; ValueError where the disk is too small."""
    require_space(find_target(path).parent, len(content))
    with open_atomically(path) as file:
        file.write(content)


def write_numbered(choose: Callable[[], Path], content: bytes) -> Path:
    """Write `content` to the path that `choose` gives, whole or not at all, and return it; nothing is overwritten.

    choose: a path that nothing has, asked again where another process took it meanwhile. Errors as those of
    `write_atomically`.
    """
    path = choose()
    require_space(path.parent, len(content))
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_partial(path) as partial:
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return place_new(partial, choose, path)


def place_new(partial: Path, choose: Callable[[], Path], path: Path | None = None) -> Path:
    """Give the file `partial`, which is on disk, the name `path` or else one that `choose` gives, and return it.

    Nothing that has that name is replaced: then `choose` is asked again.
    """
    path = path or choose()
    while not _rename_new(partial, path):
        again = choose()
        if again == path:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        path = again
    flush_folder(path.parent)
    return path


def flush_folder(folder: Path) -> None:
    """Have the disk know the new name too; where that cannot be, the file is whole under it all the same."""
    if os.name == "nt":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _rename_new(partial: Path, path: Path) -> bool:
    """Whether `partial` is `path` now; False where that is taken. The other name of a link is removed by its opener."""
    try:
        if os.name == "nt":
            os.rename(partial, path)  # which replaces nothing there
        else:
            os.link(partial, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if path.exists():  # a file system without links: the moment between is all that is left
            return False
        os.replace(partial, path)
    return True
