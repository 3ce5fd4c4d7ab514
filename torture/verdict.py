"""Whether an answer is one: success, or an error that says in a sentence what is wrong."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LEAST, MOST = 20, 2000  # letters of a sentence
PACK = "rece_core"


@dataclass(frozen=True)
class Failure:
    """What was wrong with an answer: what came instead, and the innermost place in the pack that it came from."""

    what: str
    where: str
    message: str = ""

    @property
    def kind(self) -> str:
        """What failures of one kind share."""
        return f"{self.what} in {self.where}" if self.where else self.what


def judge(attack: Callable[[Path], None], path: Path) -> Failure | None:
    """Attack the file at `path`; None where the answer is a good one."""
    try:
        attack(path)
    except (ValueError, OSError) as error:
        flaw = _find_flaw(error)
        return None if flaw is None else Failure(flaw, _locate(error), str(error)[:300])
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever it is, also what a library panics with: that is the question
        return Failure(type(error).__name__, _locate(error), str(error)[:300])
    return None


def _find_flaw(error: ValueError | OSError) -> str | None:
    """What is wrong with an error of a good type; None where nothing is."""
    if isinstance(error, OSError):
        return None if error.strerror else "OSError without words"
    message = str(error)
    if type(error) is not ValueError and not type(error).__module__.startswith(PACK):
        return type(error).__name__
    if len(message) > MOST:
        return "an endless message"
    if len(message) < LEAST or not message.rstrip().endswith((".", ")", "'")):
        return "no sentence"
    try:
        message.encode("utf-8")
    except UnicodeError:
        return "a message that can't be written"
    return None


def _locate(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if f"/{PACK}/" in frame.filename]
    return f"{PACK}{frames[-1].filename.rpartition(PACK)[2]}:{frames[-1].name}" if frames else ""
