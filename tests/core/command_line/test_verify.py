"""`verify`: whether files are as they were written, each in a line, and the worst as exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from rece_core.command_line.main import run
from rece_core.sharing.erasure_file import save_erasure
from tests.core.erasures import make_erasure


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A file in each state."""
    paths = {name: tmp_path / f"{name}.safetensors" for name in ("whole", "altered", "short", "old", "missing")}
    save_erasure(make_erasure(), paths["whole"])
    content = bytearray(paths["whole"].read_bytes())
    content[-5] ^= 1
    paths["altered"].write_bytes(content)
    paths["short"].write_bytes(content[:-100])
    save_file({"a": torch.ones(2)}, paths["old"])
    return paths


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("whole", 0, ": whole\n"),
        ("altered", 1, ": damaged: altered.safetensors is damaged, or was altered after it was saved: its checksum"),
        ("short", 1, ": damaged: short.safetensors is not a complete safetensors file"),
        ("missing", 1, ": damaged: it cannot be read, No such file or directory."),
        ("old", 4, ": no checksum: written by another program, or by an older version of this pack."),
    ],
)
def test_one_file(files: dict[str, Path], capsys: pytest.CaptureFixture[str], name: str, code: int, said: str) -> None:
    assert run(["verify", str(files[name])]) == code
    out = capsys.readouterr().out
    assert out.startswith(f"{files[name]}{said}")
    assert out.count("\n") == 1


def test_many_files(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", "--json", *map(str, files.values())]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [each["state"] for each in told] == ["whole", "damaged", "damaged", "no checksum", "damaged"]
    assert run(["verify", str(files["whole"]), str(files["old"])]) == 4
    with pytest.raises(SystemExit) as wrong:
        run(["verify"])
    assert wrong.value.code == 2


def test_inspect_says_whether_there_is_one(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    for name, said in {"whole": "in the header; verify compares it", "old": "none"}.items():
        assert run(["inspect", str(files[name])]) == 0
        assert f"checksum {said}" in " ".join(capsys.readouterr().out.split())
