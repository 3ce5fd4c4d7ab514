"""The command line before the long work: is there enough memory?"""

from __future__ import annotations

from pathlib import Path

import pytest

from rece_core.command_line.main import run
from tests.core.checkpoints import make_checkpoint, save_checkpoint, save_tokenizer


def test_too_little_memory_is_told_in_one_line_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = save_checkpoint(tmp_path / "in.safetensors", make_checkpoint("sd1"))
    words = save_tokenizer(tmp_path / "words")
    (tmp_path / "many.txt").write_text("".join(f"cat {number} => dog\n" for number in range(20_000)), "utf-8")
    files = ["--targets-file", tmp_path / "many.txt", "--tokenizer", words, "--seal", 0, "--mode", "paper"]
    code = run(list(map(str, ["erase", source, tmp_path / "out.safetensors", *files, "--epochs", 50])))
    told = capsys.readouterr()
    assert (code, told.out) == (1, "")
    (line,) = told.err.splitlines()
    assert line.startswith("error: this erasure needs at least ")
    assert " of memory, and " in line and "the text of this model is 768 wide (conditioning input 'tokens')" in line
    assert not (tmp_path / "out.safetensors").exists()
