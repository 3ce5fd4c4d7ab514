"""The command line: `python -m rece_core`; see `options` for what it understands."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TextIO, cast

from ..texts.wording import escape_controls
from .options import make_parser

# Exit codes. REFUSED: what was given can't be used, change it. FAILED: it could have been done; a disk that is full, a
# device that is gone, a fault of ours. argparse has 2 for what it does not understand.
REFUSED, FAILED, STOPPED = 1, 3, 130
# Of what the system says, that which is about the names that were given.
GIVEN = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)


def run(arguments: Sequence[str] | None = None) -> int:
    """The exit code of a command, after it was carried out: 0 when all is done, see also `verify`.

    What is refused, and what the system can't do, is one line on stderr; a fault of ours comes with where it happened.
    """
    options = make_parser().parse_args(arguments)
    try:
        # Imported now: the text encoders take seconds to import, which a wrong option should not wait for.
        command = import_module(f".{options.command}", __package__)
        answer = cast("Callable[..., str | tuple[str, int]]", command.run)(options)
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped: nothing was written.\n")
        return STOPPED
    except (ValueError, *GIVEN) as error:
        return _tell(error, REFUSED)
    except OSError as error:
        return _tell(error, FAILED)
    except Exception as error:
        _write(sys.stderr, traceback.format_exc())
        _write(sys.stderr, f"error: {type(error).__name__}, which is a fault of this program. Please report it.")
        return FAILED
    text, code = (answer, 0) if isinstance(answer, str) else answer
    _write(sys.stdout, text)
    return code


def _tell(error: Exception, code: int) -> int:
    _write(sys.stderr, f"error: {' '.join(_describe(error).split())}")
    return code


def _write(stream: TextIO, text: str) -> None:
    """Write a line or more; what files of strangers say can't command the terminal, nor what it has no letters for."""
    encoding = stream.encoding or "utf-8"
    stream.write(escape_controls(text).encode(encoding, "backslashreplace").decode(encoding) + "\n")


def _describe(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
