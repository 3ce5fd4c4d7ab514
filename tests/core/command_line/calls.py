"""How the tests call the command line, and what they say of its answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

TARGET = "a cat => a dog"

#: `command("erase", ...)`: exit code, stdout, stderr.
Command = Callable[..., tuple[int, str, str]]


def quick(folder: Path, output: str = "out.safetensors", target: str = TARGET) -> list[Any]:
    """IN, OUT and options that make an erasure quick."""
    options = ["--target", target] if target else []
    words = ["--tokenizer", folder / "words", "--captions", folder / "captions.txt"]
    files = [folder / "in.safetensors", *([folder / output] if output else [])]
    return [*files, *options, *words, "--as-typed", "--schedule", "manual", "--epochs", 1]


def list_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def assert_one_line(err: str, message: str) -> None:
    assert re.fullmatch(rf"error: .*{message}.*\n", err), err
