"""Whether a file is as it was written: any byte that is another is told, in every way that files are written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save, save_file

from rece_core.sharing.erasure_file import load_erasure, save_erasure
from rece_core.storage.checksum import PLACEHOLDER, check_file, fill_checksum, fill_checksum_in, has_checksum
from rece_core.storage.tensor_file import open_tensor_file
from rece_core.storage.tensor_rewrite import rewrite_tensors
from rece_core.texts.prior import Prior
from rece_core.texts.prior_file import read_prior, write_prior
from tests.core.erasures import make_erasure

TENSORS = {"a": torch.arange(5.0), "b": torch.ones(2, 3)}
#: Texts that look like a checksum where none is.
TRAP = json.dumps({"rece_checksum": PLACEHOLDER["rece_checksum"]})


def write_at_once(path: Path) -> None:
    path.write_bytes(fill_checksum(save(TENSORS, metadata={**PLACEHOLDER, "prompt": TRAP})))


def write_by_host(path: Path) -> None:
    """As the host does, which makes JSON of all it is given."""
    save_file(TENSORS, path, metadata={**{name: json.dumps(text) for name, text in PLACEHOLDER.items()}, "x": TRAP})
    fill_checksum_in(path)


def write_in_parts(path: Path) -> None:
    """From a file that has a checksum of its own, which is another."""
    source = path.with_name("source.safetensors")
    write_at_once(source)
    old = open_tensor_file(source)
    rewrite_tensors(old, path, {"b": lambda: torch.zeros(2, 3)}, old.metadata)


@pytest.mark.parametrize("write", [write_at_once, write_by_host, write_in_parts])
def test_any_other_byte_is_told(tmp_path: Path, write: Callable[[Path], None]) -> None:
    path = tmp_path / "file.safetensors"
    write(path)
    whole = path.read_bytes()
    assert check_file(path) and has_checksum(path), "control"
    for place in range(len(whole)):
        for change in (1, 32, 128):
            path.write_bytes(bytes((*whole[:place], whole[place] ^ change, *whole[place + 1 :])))
            with pytest.raises(ValueError, match=r"file.safetensors is damaged, or was altered after it was saved"):
                assert not check_file(path), place
    cut_off = (16).to_bytes(8, "little") + whole[8:]  # a damaged length, before the place of the checksum
    for other in (whole[:-1], whole + b"\0", whole[:8] + b" " + whole[8:], cut_off):
        path.write_bytes(other)
        with pytest.raises(ValueError, match="damaged"):
            check_file(path)


def test_equal_content_is_equal_bytes() -> None:
    texts = {f"text {number}": TRAP for number in range(8)}
    written = {fill_checksum(save(TENSORS, metadata={**texts, **PLACEHOLDER})) for _ in range(8)}
    assert len(written) == 1
    assert len({save(TENSORS, metadata=texts) for _ in range(8)}) > 1, "control: eight orders of eight texts"


def test_files_without_one(tmp_path: Path) -> None:
    path = tmp_path / "old.safetensors"
    save_file(TENSORS, path, metadata={"prompt": TRAP})
    assert not check_file(path) and not has_checksum(path)
    fill_checksum_in(path)  # it has no place for one
    assert not check_file(path)


def test_bytes_are_counted(tmp_path: Path) -> None:
    write_at_once(tmp_path / "file.safetensors")
    counted: list[int] = []
    check_file(tmp_path / "file.safetensors", counted.append)
    assert sum(counted) == (tmp_path / "file.safetensors").stat().st_size


def test_a_damaged_erasure_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "erasure.safetensors"
    save_erasure(make_erasure(), path)
    load_erasure(path)  # control
    content = bytearray(path.read_bytes())
    content[-5] ^= 1  # a digit of a number, which no other check would see
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"erasure.safetensors is damaged, or was altered .* save it again\."):
        load_erasure(path)


def test_an_erasure_with_more_in_it_is_refused_before_all_of_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "erasure.safetensors"
    save_erasure(make_erasure(), path)
    file = open_tensor_file(path)
    tensors = {name: file.read(name) for name in file.tensors}
    save_file({**tensors, "tokens/more": torch.ones(3)}, path, dict(file.metadata))
    with pytest.raises(ValueError, match="'tokens/more', which no erasure has"):
        load_erasure(path)
    without = {name: text for name, text in file.metadata.items() if name not in PLACEHOLDER}
    save_file({**tensors, "tokens/more": torch.ones(3)}, path, without)
    load_erasure(path)  # control: an old file, of which nobody knows


def test_a_damaged_prior_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "prior.safetensors"
    write_prior(Prior(torch.eye(3).double(), torch.ones(3).double()), path)
    read_prior(path, 3)  # control
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        read_prior(path, 3)
    save_file({"moment": torch.eye(3).double(), "mean": torch.ones(3).double()}, path)
    read_prior(path, 3)  # one of an older version
