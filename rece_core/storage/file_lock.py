"""Locks on files, which end with the process that holds them, however it ends."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ENDING = ".lock"
PATIENCE, PAUSE = 60, 0.02  # seconds: for another process to finish, and between two looks
BUSY = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


def try_lock(descriptor: int) -> bool | None:
    """Whether the open file is now locked by this opening of it alone; None where its file system has no locks.

    The lock ends when the file is closed, or the process is dead. It is a note among those who ask: nobody is kept from
    reading or writing.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in BUSY else None
    return True


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Nobody else is in such a block for the file at `path` meanwhile, in no process and no thread.

    The lock lies beside the file and is removed at the end; one that a dead process left is taken over. Where the file
    system has no locks, nothing is locked. Raises TimeoutError when another holds it for a minute.
    """
    lock = path.with_name(path.name + ENDING)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _acquire(lock, time.monotonic() + PATIENCE)
    try:
        yield
    finally:
        with suppress(OSError):  # Windows keeps what is open
            lock.unlink()
        os.close(descriptor)


def _acquire(lock: Path, until: float) -> int:
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            locked = try_lock(descriptor)
            if locked is None or (locked and is_same(descriptor, lock)):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # another has it, or has just removed it
        if time.monotonic() > until:
            raise TimeoutError(
                errno.ETIMEDOUT,
                f"another process has been writing it for {PATIENCE} seconds. End that, or wait for it; then try again",
                str(lock.with_name(lock.name.removesuffix(ENDING))),
            )
        time.sleep(PAUSE)


def is_same(descriptor: int, path: Path) -> bool:
    """Whether `path` still is the file that is open as `descriptor`."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
