"""The command `library` in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from rece_core.command_line.main import run
from tests.core.library.libraries import make_library

Library = Callable[..., tuple[int, str, str]]


@pytest.fixture
def library(capsys: pytest.CaptureFixture[str]) -> Library:
    """`library(PLAN, …)`: exit code, stdout, stderr."""

    def call(*arguments: Any) -> tuple[int, str, str]:
        code = run(["library", *map(str, arguments)])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two small checkpoints that have one text encoder, and what a plan needs beside them."""
    return make_library(tmp_path / "library")


@pytest.fixture(autouse=True)
def _threads() -> Any:
    """A plan says how many threads its tasks have; other tests get theirs back."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
