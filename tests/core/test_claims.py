"""Files that claim what can't be: told by their header, before anything is built of it.

Each is the smallest of those that `run.py torture` found to end otherwise.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rece_core.checkpoints.file_kinds import identify_file
from rece_core.checkpoints.stored_encoders import find_encoders
from rece_core.models.text_entries import TextEntry, check_output, find_family
from rece_core.sharing.erasure_file import load_erasure
from rece_core.storage.tensor_file import open_tensor_file
from torture.documents import Document, Stored, read_document
from torture.inputs import Input
from torture.samples import UNET, list_erasures, list_narrow

PREFIX = "cond_stage_model.transformer.text_model."
LAYER = f"{PREFIX}encoder.layers.0."


@pytest.fixture(scope="module")
def erasure() -> Document:
    """One with value erasers."""
    return list_erasures()[1]


def write(path: Path, built: Input) -> Path:
    built.write(path)
    return path


def reshape(document: Document, end: str, shape: Any, dtype: str | None = None) -> Document:
    """The same with another shape in the tensor whose name ends so."""
    tensors = tuple(
        replace(each, shape=shape, dtype=dtype or each.dtype) if each.name.endswith(end) else each
        for each in document.tensors
    )
    assert tensors != document.tensors
    return replace(document, tensors=tensors)


@pytest.mark.parametrize(
    ("end", "shape", "dtype", "message"),
    [
        (".read", [24, 1], None, r"has shapes \(12, 2\), \(24, 1\) and \(2,\); expected two equal"),
        (".level", [3], None, r"expected two equal \(rows, count\) and \(count,\)"),
        (".write", [24], None, r"has shapes \(24,\)"),
        (".level", [2], "I8", r"is stored as I8; expected F32 or F64"),
        ("operator.left", [23, 3], None, r"operator factors have shapes \(23, 3\) and \(24, 3\)"),
        ("operator.left", [0] * 16, None, r"operator factors have shapes"),
    ],
)
def test_erasers_and_operators(
    erasure: Document, tmp_path: Path, end: str, shape: Any, dtype: Any, message: str
) -> None:
    path = write(tmp_path / "e.safetensors", reshape(erasure, end, shape, dtype).build())
    with pytest.raises(ValueError, match=message):
        load_erasure(path)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("concepts", "[" * 1000 + "]" * 1000, r"nested more than 40 deep"),
        ("concepts", '{"kind": "\\ud800"}', r"half a character"),
        ("text_encoder", '{"tokens": []}', r"expected a fingerprint, 16 finite numbers"),
        ("text_encoder", '{"tokens": [NaN, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]}', r"16 finite numbers"),
        ("text_encoder", '{"a word": []}', r"named 'a word'; expected one word"),
        ("parts", "{}", r"no conditioning input"),
        ("made_on", "x" * 200, r"has 200 letters"),
        ("format_version", "9" * 5000, r"expected a whole number"),
        ("text_weights", "[]", r"expected a text"),
    ],
)
def test_fields(erasure: Document, tmp_path: Path, field: str, value: str, message: str) -> None:
    damaged = replace(erasure, metadata={**erasure.metadata, field: value})
    with pytest.raises(ValueError, match=message) as raised:
        load_erasure(write(tmp_path / "e.safetensors", damaged.build()))
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize(
    ("field", "value"),
    [("forgotten", []), ("forgotten", None), ("epoch", 10**400), ("rank", "inf"), ("drift", {})],
)
def test_epochs(erasure: Document, tmp_path: Path, field: str, value: Any) -> None:
    parts = json.loads(erasure.metadata["parts"])
    parts["tokens"]["epochs"][0][field] = value
    damaged = replace(erasure, metadata={**erasure.metadata, "parts": json.dumps(parts)})
    with pytest.raises(ValueError, match=r"header is damaged"):
        load_erasure(write(tmp_path / "e.safetensors", damaged.build()))


@pytest.mark.parametrize(
    ("end", "shape", "message"),
    [
        ("final_layer_norm.weight", [832], r"has the shape \(832,\); expected \(768,\)"),
        ("token_embedding.weight", [49407, 768], r"expected \(49408, 768\)"),
        ("encoder.layers.1.self_attn.v_proj.bias", [], r"has the shape \(\); expected \(768,\)"),
        ("encoder.layers.0.mlp.fc1.weight", [0, 768], r"0 wide within each"),
        ("encoder.layers.0.mlp.fc1.weight", [10**9, 768], r"1,000,000,000 wide within each"),
    ],
)
def test_text_encoders(tmp_path: Path, end: str, shape: list[int], message: str) -> None:
    (document,) = list_narrow()
    file = open_tensor_file(write(tmp_path / "c.safetensors", reshape(document, end, shape).build()))
    with pytest.raises(ValueError, match=message):
        find_encoders(file, "SD 1.x")


@pytest.mark.parametrize("number", ["999999999", "9" * 300, "x", "-1"])
def test_numbers_of_layers(tmp_path: Path, number: str) -> None:
    """A layer of number 999,999,999 made as many; one of number x was no sentence."""
    (document,) = list_narrow()
    more = Stored(f"{PREFIX}encoder.layers.{number}.layer_norm1.weight", "F32", [0])
    path = write(tmp_path / "c.safetensors", replace(document, tensors=(*document.tensors, more)).build())
    assert "2 layers" in identify_file(path).describe()


def test_very_many_layers(tmp_path: Path) -> None:
    (document,) = list_narrow()
    more = Stored(f"{PREFIX}encoder.layers.999999.layer_norm1.weight", "F32", [0])
    file = open_tensor_file(
        write(tmp_path / "c.safetensors", replace(document, tensors=(*document.tensors, more)).build())
    )
    with pytest.raises(ValueError, match=r"has 1,000,000 layers, 16 wide within each; expected at most 48"):
        find_encoders(file, "SD 1.x")


@pytest.mark.parametrize("shape", [(768,), (0, 768), (8, 768, 1, 1)])
def test_a_family_by_name_alone(shape: tuple[int, ...]) -> None:
    """The width of what is no matrix was asked for."""
    with pytest.raises(ValueError, match=r"but the weights that read its text are not matrices"):
        find_family({f"{UNET}transformer_blocks.0.attn2.to_k.weight": shape})


def test_what_stands_behind_a_value_projection_must_fit() -> None:
    entry = TextEntry("a.to_v.weight", "value", (8, 24))
    shapes = {"a.to_out.0.weight": (6, 8), "a.to_out.0.bias": (6,)}
    check_output(entry, shapes)
    for name, wrong in (("a.to_out.0.weight", (6, 9)), ("a.to_out.0.weight", ()), ("a.to_out.0.bias", (7,))):
        with pytest.raises(ValueError, match=r"expected one that fits behind it"):
            check_output(entry, {**shapes, name: wrong})


def test_what_a_header_says_of_earlier_erasures_may_be_anything(tmp_path: Path) -> None:
    deep = "[" * 5000 + "]" * 5000
    for earlier, folded in ((deep, deep), ('[{"erased": 3}, 4]', '{"erased": "\\ud800"}'), ("9" * 5000, "9" * 5000)):
        header = {"made_by": "ComfyUI-RECE", "erased": "a", "earlier": earlier, "rece": folded}
        path = write(tmp_path / "l.safetensors", Document(header, (Stored("a.lora_up.weight", "F32", [0]),)).build())
        assert identify_file(path).kind == "LoRA"


def test_a_whole_file_taken_apart_is_the_same(erasure: Document) -> None:
    assert read_document(erasure.build().content) == erasure
