"""Small libraries of checkpoints, plans for them, and how the tests compare results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from rece_core.storage.checksum import KEY
from rece_core.storage.tensor_file import open_tensor_file
from tests.core.checkpoints import make_checkpoint, save_checkpoint, save_tokenizer

RULE = {"target": "a cat => a dog", "as-typed": True, "schedule": "manual", "epochs": 1, "captions": "captions.txt"}


def make_library(folder: Path, kinds: tuple[str, ...] = ("sd1",), each: int = 2) -> Path:
    """`each` checkpoints of each kind with weights of their own below models/, and what a plan needs beside them."""
    (folder / "models").mkdir(parents=True)
    save_tokenizer(folder / "words")
    (folder / "captions.txt").write_text("a house\nthe sea\na red car\n", "utf-8")
    for kind in kinds:
        weights = make_checkpoint(kind)
        for number in range(each):
            varied = {name: w * (1 + number / 8) if ".attn2.to_" in name else w for name, w in weights.items()}
            save_checkpoint(folder / "models" / f"{kind}-{number:03}.safetensors", varied)
    return folder


def write_plan(folder: Path, **keys: Any) -> Path:
    """A plan for the library in `folder`, with other `keys`; None leaves one out."""
    told = {"inputs": ["models"], "output": "out", "erase": [RULE], "tokenizer": "words", **keys}
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in told.items() if value is not None}), "utf-8")
    return path


def read_results(folder: Path) -> dict[str, bytes]:
    """The bytes of every result, by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.safetensors"))}


def assert_same_erasure(ours: Path, theirs: Path) -> None:
    """Weights equal to the bit, and the header but for the seconds that an edit took and the rounding of fingerprints.

    The same text through the same encoder may give other last digits where the memory lies otherwise.
    """
    first, second = load_file(ours), load_file(theirs)
    assert list(first) == list(second)
    for name, weight in first.items():
        assert torch.equal(weight.view(torch.uint8), second[name].view(torch.uint8)), name
    (header, encoder), (other, other_encoder) = _read_header(ours), _read_header(theirs)
    assert header == other
    assert encoder.keys() == other_encoder.keys()
    for cond_input, numbers in encoder.items():
        assert numbers == pytest.approx(other_encoder[cond_input], rel=1e-4, abs=1e-5)


def _read_header(path: Path) -> tuple[dict[str, Any], dict[str, list[float]]]:
    """All but seconds and checksum, and the fingerprints of the text encoder."""
    header = dict(open_tensor_file(path).metadata)
    del header[KEY]  # which the seconds are in too
    parts = json.loads(header.pop("parts"))
    for part in parts.values():
        for epoch in part["epochs"]:
            del epoch["seconds"]
    encoder = json.loads(header.pop("text_encoder"))
    return {**header, "parts": parts}, encoder
