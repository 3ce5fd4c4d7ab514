"""Files that are no erasure, or no whole one: each is refused with what to do about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from rece_core.sharing.erasure_file import load_erasure, save_erasure
from tests.core.erasures import make_erasure


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A saved erasure."""
    save_erasure(make_erasure(), tmp_path / "erasure.safetensors")
    return tmp_path / "erasure.safetensors"


def rewrite(path: Path, changes: dict[str, str | None], tensors: dict[str, torch.Tensor] | None = None) -> None:
    """Write the file again with other metadata, where None removes an entry, or other tensors."""
    with safe_open(path, framework="pt") as file:
        metadata = {**file.metadata(), **changes}
        tensors = tensors or {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    save_file(tensors, path, {key: value for key, value in metadata.items() if value is not None})


@pytest.mark.parametrize("part", [0.0, 0.001, 0.3, 0.9, 0.9999])
def test_a_truncated_file(path: Path, part: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    message = r"erasure.safetensors is not a complete safetensors file .* cut short .* get it again"
    with pytest.raises(ValueError, match=message):
        load_erasure(path)


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n" + bytes(100), b"PK\x03\x04", b"hello " * 50, bytes(64)])
def test_a_file_of_another_kind(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "picture.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"picture.safetensors is not a complete safetensors file"):
        load_erasure(tmp_path / "picture.safetensors")


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"ss_network_module": "lora"}])
def test_a_foreign_header(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    save_file({"lora_up.weight": torch.zeros(4, 2)}, tmp_path / "lora.safetensors", metadata)
    with pytest.raises(
        ValueError, match=r"lora.safetensors is not an erasure: .* expected 'rece-erasure'.*LoRA loader"
    ):
        load_erasure(tmp_path / "lora.safetensors")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_erasure(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": "3"}, r"erasure.safetensors has version 3 .* reads up to 2. Update ComfyUI-RECE"),
        ({"format_version": "new"}, r"has the version 'new'; expected a whole number"),
        ({"format_version": None}, r"has the version ''; expected a whole number"),
        ({"concepts": "{"}, r"header is damaged \(JSONDecodeError"),
        ({"concepts": "[]"}, r"header is damaged \(TypeError"),
        ({"concepts": None}, r"header is damaged \(KeyError: 'concepts'"),
        ({"parts": None}, r"header is damaged \(KeyError: 'parts'"),
        ({"parts": "3"}, r"header is damaged \(AttributeError"),
        ({"parts": '{"t5": {"settings": {"edit": {}}}}'}, r"header is damaged \(KeyError: 'operator.left'"),
        ({"text_encoder": "1"}, r"header is damaged \(AttributeError"),
        ({"text_encoder": '{"tokens": ["one"]}'}, r"header is damaged"),
        ({"made_on": None}, r"header is damaged \(KeyError: 'made_on'"),
    ],
)
def test_damaged_metadata(path: Path, changes: dict[str, str | None], message: str) -> None:
    rewrite(path, changes)
    with pytest.raises(ValueError, match=message):
        load_erasure(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": {"edit": {}, "rounds": 3}}, r"header is damaged \(TypeError: .*rounds"),
        ({"settings": {"edit": 3}}, r"header is damaged \(TypeError"),
        ({"settings": {"edit": {"ridge": "much"}}}, r"header is damaged"),
        ({"settings": {"edit": {"ridge": -1}}}, r"edit ridge is -1; expected a finite number"),
        ({"epochs": ["one"]}, r"header is damaged \(AttributeError"),
        ({"epochs": 3}, r"header is damaged \(TypeError"),
        ({"epochs": [{"epoch": "one"}]}, r"header is damaged \(ValueError"),
        ({"base_model": 1}, r"header is damaged \(TypeError"),
    ],
)
def test_a_damaged_part(path: Path, changes: dict[str, Any], message: str) -> None:
    with safe_open(path, framework="pt") as file:
        parts = json.loads(file.metadata()["parts"])
    rewrite(path, {"parts": json.dumps({**parts, "pooled": {**parts["pooled"], **changes}})})
    with pytest.raises(ValueError, match=message):
        load_erasure(path)


WRONG_TENSORS: dict[str, tuple[dict[str, Any], str]] = {
    "unequal": ({"left": torch.zeros(6, 2), "right": torch.zeros(6, 3)}, r"shapes \(6, 2\) and \(6, 3\)"),
    "flat": ({"left": torch.zeros(6), "right": torch.zeros(6)}, r"shapes \(6,\) and \(6,\)"),
    "missing": ({"left": torch.zeros(6, 2)}, r"operator\.right"),
    "not finite": ({"left": torch.full((6, 2), torch.inf), "right": torch.zeros(6, 2)}, r"NaN or infinite"),
    "whole": ({"left": torch.zeros(6, 2, dtype=torch.int64), "right": torch.zeros(6, 2)}, r"float64"),
    "narrow": ({"left": torch.zeros(6, 2).half(), "right": torch.zeros(6, 2).half()}, r"float64"),
}


@pytest.mark.parametrize("case", WRONG_TENSORS)
def test_tensors_that_are_no_operator(path: Path, case: str) -> None:
    tensors, message = WRONG_TENSORS[case]
    wide = {} if case in ("whole", "narrow") else {"dtype": torch.float64}
    sides = {f"tokens/operator.{side}": tensor.to(**wide) if wide else tensor for side, tensor in tensors.items()}
    rewrite(path, {}, sides)
    with pytest.raises(ValueError, match=message):
        load_erasure(path)
