"""The command line: `python -m rece_core`; see `options` for what it understands."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TextIO, cast

from ..texts.wording import escape_controls
from .options import make_parser

FAILED, STOPPED = 1, 130  # exit codes; argparse has 2 for what it does not understand


def run(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command and return its exit code: 0 when all is done, see also `verify`.

    Errors that a user can fix are one line on stderr.
    """
    options = make_parser().parse_args(arguments)
    try:
        # Imported now: the text encoders take seconds to import, which a wrong option should not wait for.
        command = import_module(f".{options.command}", __package__)
        answer = cast("Callable[..., str | tuple[str, int]]", command.run)(options)
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped: nothing was written.\n")
        return STOPPED
    except (ValueError, OSError) as error:
        _write(sys.stderr, f"error: {' '.join(_describe(error).split())}")
        return FAILED
    text, code = (answer, 0) if isinstance(answer, str) else answer
    _write(sys.stdout, text)
    return code


def _write(stream: TextIO, text: str) -> None:
    """Write a line or more; what files of strangers say can't command the terminal, nor what it has no letters for."""
    encoding = stream.encoding or "utf-8"
    stream.write(escape_controls(text).encode(encoding, "backslashreplace").decode(encoding) + "\n")


def _describe(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
