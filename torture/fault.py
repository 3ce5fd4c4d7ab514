"""Ends this process, or fails a call of it, at a chosen one of the calls by which it changes files.

Where there is a C compiler, a library that is loaded before the C library counts the calls (fault.c). Where there is
none, a process can only be ended at a random moment, and no call can fail.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("fault.c")
LIBRARY = "RECE_FAULT_LIBRARY"


def build_library(folder: Path) -> Path | None:
    """The library, built in `folder`; None where there is no C compiler that can."""
    compiler = find_compiler()
    if compiler is None:
        return None
    library = folder / "fault.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"]
    built = subprocess.run(command, capture_output=True)
    return None if built.returncode else library


def find_compiler() -> str | None:
    """The program that compiles C here."""
    return next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)


def load_with(library: Path | None) -> dict[str, str]:
    """The environment of a process that shall have an `Injector`."""
    own = {} if library is None else {"LD_PRELOAD": str(library), LIBRARY: str(library)}
    return {**os.environ, **own, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


class Injector:
    """What this process and its children are told of calls; to be armed in a child."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(os.environ[LIBRARY])
        self._library.rece_name.restype = ctypes.c_char_p
        self._library.rece_count.restype = ctypes.c_long
        self._library.rece_arm.argtypes = [ctypes.c_long] * 3

    def arm(self, at: int, error: int = 0, torn: bool = False) -> None:
        """Die before call number `at` (from 1; 0 only counts), or in the middle of it (torn), or let it fail."""
        self._library.rece_arm(at, error, torn)

    def disarm(self) -> None:
        """Do nothing any more."""
        self._library.rece_disarm()

    @property
    def count(self) -> int:
        """How many calls there were since `arm`, also in a child that is dead."""
        return int(self._library.rece_count())

    @property
    def name(self) -> str:
        """The name of the call that was hit, empty for none."""
        return str(self._library.rece_name().decode())
