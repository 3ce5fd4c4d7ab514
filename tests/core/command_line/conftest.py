"""The command line in this process, on a small checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rece_core.command_line.main import run
from tests.core.checkpoints import make_checkpoint, save_checkpoint, save_tokenizer
from tests.core.command_line.calls import Command


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint, the words for it, and a few captions."""
    folder = tmp_path_factory.mktemp("command")
    save_checkpoint(folder / "in.safetensors", make_checkpoint("sd1"))
    save_tokenizer(folder / "words")
    (folder / "captions.txt").write_text("a house\nthe sea\na red car\n", "utf-8")
    return folder


@pytest.fixture
def command(folder: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """`command("erase", ...)` with the checkpoint, quick settings and words: exit code, stdout, stderr."""

    def call(name: str, *arguments: Any) -> tuple[int, str, str]:
        code = run([name, *map(str, arguments)])
        return code, *capsys.readouterr()

    before = {path.name for path in folder.iterdir()}
    yield call
    for path in folder.iterdir():
        if path.name not in before:
            path.unlink()
