"""Files read piece by piece, and written again with some of their tensors changed."""

from __future__ import annotations

import errno
import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from rece_core.storage import tensor_file
from rece_core.storage.checksum import PLACEHOLDER
from rece_core.storage.tensor_file import FLOATS, open_tensor_file
from rece_core.storage.tensor_rewrite import rewrite_tensors
from tests.core.random_models import randn

NAMES = ("a.weight", "b.bias", "ü", "empty", "scalar", "ids")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of tensors of several types and shapes."""
    tensors = {
        "a.weight": randn(1, 6, 5).half(),
        "b.bias": randn(2, 7).bfloat16(),
        "ü": randn(3, 2, 3, 4, dtype=torch.float32),
        "empty": torch.empty(0, 4),
        "scalar": torch.tensor(2.5),
        "ids": torch.arange(77).expand(1, -1).contiguous(),
    }
    save_file(tensors, tmp_path / "in.safetensors", {"format": "pt", "title": "mine"})
    return tmp_path / "in.safetensors"


def split(path: Path) -> tuple[bytes, bytes]:
    """Header and data of a file."""
    content = path.read_bytes()
    end = 8 + struct.unpack("<Q", content[:8])[0]
    return content[8:end], content[end:]


def fail() -> Tensor:
    raise KeyboardInterrupt


def without_checksum(header: dict[str, str]) -> dict[str, str]:
    """What was asked to be in a header."""
    return {name: text for name, text in header.items() if name not in PLACEHOLDER}


def test_every_tensor_is_read_as_the_library_reads_it(path: Path) -> None:
    file, expected = open_tensor_file(path), load_file(path)
    assert set(file.tensors) == set(NAMES)
    assert file.shapes == {name: tuple(tensor.shape) for name, tensor in expected.items()}
    assert file.metadata == {"format": "pt", "title": "mine"}
    for name in set(NAMES) - {"ids"}:
        assert torch.equal(file.read(name), expected[name])
        assert file.read(name).dtype == expected[name].dtype


@pytest.mark.parametrize("dtype", FLOATS.values())
def test_every_type_goes_there_and_back(tmp_path: Path, dtype: torch.dtype) -> None:
    save_file({"w": randn(1, 5, 3).to(dtype)}, tmp_path / "in.safetensors")
    file = open_tensor_file(tmp_path / "in.safetensors")
    rewrite_tensors(file, tmp_path / "out.safetensors", {"w": lambda: file.read("w").double() * 2}, {})
    changed = load_file(tmp_path / "out.safetensors")["w"]
    assert changed.dtype == dtype
    assert torch.equal(changed.double(), file.read("w").double() * 2)


def test_whole_numbers_are_no_weights(path: Path) -> None:
    with pytest.raises(ValueError, match=r"ids in in.safetensors is stored as I64; expected one of F64, F32, .*nodes"):
        open_tensor_file(path).read("ids")


@pytest.mark.parametrize("part", [0.0, 0.01, 0.3, 0.9, 0.9999])
def test_a_truncated_file(path: Path, part: float) -> None:
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(ValueError, match=r"in.safetensors is not a complete safetensors file .* get it again"):
        open_tensor_file(path)


def test_a_pickled_file(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(3)}, tmp_path / "old.ckpt")
    with pytest.raises(ValueError, match=r"old.ckpt is not a complete .* can run code .* Save Checkpoint"):
        open_tensor_file(tmp_path / "old.ckpt")


def test_a_file_that_shrinks_while_it_is_read(path: Path, tmp_path: Path) -> None:
    file = open_tensor_file(path)
    path.write_bytes(path.read_bytes()[: file.tensors["scalar"].stop - 2])
    with pytest.raises(ValueError, match=r"has become shorter"):
        file.read("scalar")
    with pytest.raises(ValueError, match=r"has become shorter"):
        rewrite_tensors(file, tmp_path / "out.safetensors", {}, {})


def test_all_other_bytes_stay(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out.safetensors"
    file, counted = open_tensor_file(path), []
    metadata = {**file.metadata, "erased": 'é "quoted" => \n'}
    rewrite_tensors(
        file, out, {"ü": lambda: file.read("ü") + 1, "b.bias": lambda: torch.zeros(7)}, metadata, counted.append
    )
    with safe_open(out, framework="pt") as opened:
        assert without_checksum(opened.metadata()) == metadata
    before, after = load_file(path), load_file(out)
    assert torch.equal(after["ü"], before["ü"] + 1)
    assert not after["b.bias"].any()
    for name in set(NAMES) - {"ü", "b.bias"}:
        assert torch.equal(after[name], before[name])
    assert open_tensor_file(out).data_start % 8 == 0
    assert sum(counted) == len(split(path)[1])


def test_without_changes_the_data_is_the_same(path: Path, tmp_path: Path) -> None:
    rewrite_tensors(open_tensor_file(path), tmp_path / "out.safetensors", {}, {"format": "pt"})
    header, data = split(tmp_path / "out.safetensors")
    assert data == split(path)[1]
    assert without_checksum(json.loads(header)["__metadata__"]) == {"format": "pt"}


def test_one_change_at_a_time(path: Path, tmp_path: Path) -> None:
    """Each is asked for when the bytes before it are written, so no two are held."""
    file, written = open_tensor_file(path), [0]

    def count(number: int) -> None:
        written[0] += number

    def ask(name: str) -> Callable[[], Tensor]:
        def change() -> Tensor:
            assert written[0] == file.tensors[name].start - file.data_start
            return file.read(name)

        return change

    names = [name for name in NAMES if name != "ids"]
    rewrite_tensors(file, tmp_path / "out.safetensors", {name: ask(name) for name in names}, {}, count)


def test_numbers_that_the_type_cannot_hold(path: Path, tmp_path: Path) -> None:
    file, out = open_tensor_file(path), tmp_path / "out.safetensors"
    for number in (1e6, float("nan")):
        with pytest.raises(ValueError, match=r"erased a.weight holds numbers that F16, .* Raise the ridges"):
            rewrite_tensors(file, out, {"a.weight": lambda number=number: torch.full((6, 5), number)}, {})
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_an_interruption_leaves_nothing_and_the_old_file(path: Path, tmp_path: Path) -> None:
    old = path.read_bytes()
    for out in (tmp_path / "out.safetensors", path):
        with pytest.raises(KeyboardInterrupt):
            rewrite_tensors(open_tensor_file(path), out, {"ü": fail}, {})
    assert path.read_bytes() == old
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_file_that_goes_while_it_is_opened(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's error has a text alone, which nobody can ask for its number or its file."""

    def open_nothing(path: Path, framework: str) -> object:
        return safe_open(path.with_name("gone"), framework=framework)

    monkeypatch.setattr(tensor_file, "safe_open", open_nothing)
    with pytest.raises(OSError, match="read a moment ago") as raised:
        open_tensor_file(path)
    assert (raised.value.errno, raised.value.filename) == (errno.EIO, str(path))
