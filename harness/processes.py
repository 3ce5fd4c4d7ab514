"""Run other programs so that Ctrl-C or a polite kill ends them too, and say how long each step takes.

Standard library only, because `run.py` imports this before anything is installed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

log = logging.getLogger(__name__)

#: Seconds a program has to put its things away before it is ended.
GRACE = 20.0


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Log what is being done, and how many seconds it took."""
    log.info("%s ...", what)
    start = time.perf_counter()
    yield
    log.info("... done in %.1f s", time.perf_counter() - start)


def call(command: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> int:
    """Run a program to its end in this one's terminal and return its exit code.

    Ctrl-C reaches the program by itself, so this only waits for it to put its things away; `subprocess.call` would kill
    it after a quarter of a second, and a ComfyUI that it started would live on.
    """
    process = subprocess.Popen([str(part) for part in command], cwd=cwd, env=None if env is None else dict(env))
    try:
        return process.wait()
    except KeyboardInterrupt:
        wait_or_end(process)
        raise
    except SystemExit:
        interrupt(process)
        wait_or_end(process)
        raise


def interrupt(process: subprocess.Popen[Any]) -> None:
    """Ask a program to stop as Ctrl-C would; Windows has no such signal for one process, so there it is ended."""
    if os.name == "nt":
        process.terminate()
    else:
        process.send_signal(signal.SIGINT)


def wait_or_end(process: subprocess.Popen[Any], grace: float = GRACE) -> None:
    """Wait for a program that is about to stop; end it where it takes longer than `grace` seconds."""
    for end in (process.terminate, process.kill):
        try:
            process.wait(grace)
            return
        except subprocess.TimeoutExpired:
            end()
    process.wait()


def end_children_on_termination() -> None:
    """Turn a polite kill of this program into SystemExit, so that `finally` and `with` blocks end what it started."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    # A shell that starts this program in the background has it ignore Ctrl-C, and its children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
