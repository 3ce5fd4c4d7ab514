"""`verify`: say whether files are as they were written."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from ..storage.checksum import OnBytes, check_file
from ..storage.tensor_file import open_tensor_file
from .progress import count_bytes

WHOLE, DAMAGED, UNKNOWN = "whole", "damaged", "no checksum"
CODES = {WHOLE: 0, DAMAGED: 1, UNKNOWN: 4}  # the others are those of all commands, see `main`
WORST = (DAMAGED, UNKNOWN, WHOLE)


def run(options: Namespace) -> tuple[str, int]:
    """A line for each file, or JSON, and the exit code of the worst."""
    sizes = [path.stat().st_size for path in options.files if path.is_file()]
    with count_bytes(sum(sizes), "read") as bar:
        found = [(path, *_verify(path, bar.update)) for path in options.files]
    worst = next(each for each in WORST if each in [state for _, state, _ in found])
    if options.json:
        told = [{"file": str(path), "state": state, "why": why} for path, state, why in found]
        return json.dumps(told, ensure_ascii=False, indent=2), CODES[worst]
    return "\n".join(f"{path}: {state}{why and f': {why}'}" for path, state, why in found), CODES[worst]


def _verify(path: Path, on_bytes: OnBytes) -> tuple[str, str]:
    """What is the case, and why."""
    try:
        open_tensor_file(path)
        if check_file(path, on_bytes):
            return WHOLE, ""
    except ValueError as error:
        return DAMAGED, " ".join(str(error).split())
    except OSError as error:
        return DAMAGED, f"it cannot be read, {error.strerror}."
    return UNKNOWN, "written by another program, or by an older version of this pack."
