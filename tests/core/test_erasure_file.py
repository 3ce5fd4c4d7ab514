"""Erasure files: exact round trips, a header that others can read, and an old file that survives errors."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from rece_core.algebra.operator import Operator
from rece_core.erasing.value_eraser import ValueEraser
from rece_core.sharing.erasure_file import FORMAT_VERSION, load_erasure, save_erasure
from rece_core.texts.concepts import parse_concepts
from tests.core.erasures import change_tokens, fingerprints, make_erasure
from tests.core.random_models import deviation, make_operator, randn


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A saved erasure."""
    save_erasure(make_erasure(), tmp_path / "erasure.safetensors")
    return tmp_path / "erasure.safetensors"


def test_a_round_trip(path: Path) -> None:
    saved, loaded = make_erasure(), load_erasure(path)
    assert (loaded.concepts, loaded.family, loaded.text_weights) == (saved.concepts, saved.family, saved.text_weights)
    assert (loaded.encoder, loaded.left_alone) == (saved.encoder, saved.left_alone)
    assert list(loaded.parts) == ["tokens", "pooled"]
    unlike = ("seconds",)  # of two runs
    for found, part in zip(loaded.parts.values(), saved.parts.values(), strict=True):
        records = [[replace(record, **dict.fromkeys(unlike, 0)) for record in each.records] for each in (found, part)]
        assert records[0] == records[1]
        assert (found.settings, found.base, found.note) == (part.settings, part.base, part.note)
        assert deviation(found.operator.matrix(), part.operator.matrix()) < 1e-11
        assert found.operator.rank == part.operator.compressed().rank


def test_value_erasers_orthogonal_maps_and_phrasings_come_back(tmp_path: Path) -> None:
    names = ("blocks.1.attn2.to_v.weight", "blocks.3.attn2.to_v.weight")
    erasure = change_tokens(
        replace(
            make_erasure(),
            concepts=parse_concepts("custom", r"disc, a\, b => c, d", phrasings=("{}", "a {}"), captions=("x", "y")),
        ),
        value_erasers={name: ValueEraser(randn(1, 7, 2), randn(2, 7, 2), randn(3, 2)) for name in names},
        orthogonal_maps={name: randn(4, 7, 7, dtype=torch.float32) for name in names},
    )
    save_erasure(erasure, tmp_path / "e.safetensors")
    loaded = load_erasure(tmp_path / "e.safetensors")
    assert loaded.concepts == erasure.concepts
    found, part = loaded.parts["tokens"], erasure.parts["tokens"]
    for name in names:
        assert torch.equal(found.orthogonal_maps[name], part.orthogonal_maps[name])
        for side in ("project_left", "project_right", "target"):
            assert torch.equal(getattr(found.value_erasers[name], side), getattr(part.value_erasers[name], side))
    assert not loaded.parts["pooled"].value_erasers and not loaded.parts["pooled"].orthogonal_maps


def test_saving_what_was_loaded_gives_the_same_operator(path: Path) -> None:
    first = load_erasure(path)
    save_erasure(first, path)  # over the file it was loaded from
    matrices = [each.parts["tokens"].operator.matrix() for each in (load_erasure(path), first)]
    assert deviation(*matrices) < 1e-11
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_an_erasure_that_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "nothing.safetensors"
    save_erasure(change_tokens(make_erasure(), operator=Operator.identity(24)), path)
    assert load_erasure(path).parts["tokens"].operator.rank == 0


def test_measures_that_are_not_numbers_come_back(tmp_path: Path) -> None:
    erasure = make_erasure()
    record = replace(erasure.parts["tokens"].records[0], drift=float("nan"), condition=float("inf"))
    save_erasure(change_tokens(erasure, records=(record,)), tmp_path / "e.safetensors")
    with safe_open(tmp_path / "e.safetensors", framework="pt") as file:
        json.loads(file.metadata()["parts"], parse_constant=pytest.fail)  # NaN is no JSON, whatever Python thinks
    (loaded,) = load_erasure(tmp_path / "e.safetensors").parts["tokens"].records
    assert str(loaded) == str(record)


def test_the_header_can_be_read_by_others(path: Path) -> None:
    """What was erased stands there as plain text."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        assert file.get_tensor("tokens/operator.left").dtype == torch.float64
        assert file.get_tensor("pooled/operator.right").shape == (16, 2)
    assert metadata["erased"] == "梵高 => 艺术\nnaïve “art” 🎨 => a\\b"
    assert metadata["format"] == "rece-erasure"
    assert json.loads(metadata["format_version"]) == FORMAT_VERSION
    assert metadata["made_on"] == "SDXL"
    tokens, pooled = metadata["how"].splitlines()
    assert tokens.startswith("tokens: mode paper, 2 epochs (cumulative), edit ridge 0.05")
    assert pooled.startswith("pooled: mode paper, values erased 50%")
    part = json.loads(metadata["parts"])["tokens"]
    assert part["settings"]["edit"]["ridge"] == 0.05
    assert [record["epoch"] for record in part["epochs"]] == [0, 1, 2]


def test_another_text_encoder() -> None:
    erasure = make_erasure()
    assert erasure.check_encoder(fingerprints(randn(1, 77, 24).half(), randn(3, 1, 16).half())) == ""  # control
    close = randn(1, 77, 24) + 0.05 * randn(5, 77, 24)
    note = erasure.check_encoder(fingerprints(close, randn(3, 1, 16)))
    assert "about" in note and note.endswith("as a copy in fp8 does, so all of it is approximate.")
    with pytest.raises(
        ValueError, match=r"another text encoder.*\(conditioning input 'tokens'\).* erase again on this one"
    ):
        erasure.check_encoder(fingerprints(randn(2, 77, 24), randn(3, 1, 16)))
    with pytest.raises(ValueError, match=r"another text encoder.*\(conditioning input 'pooled'\)"):
        erasure.check_encoder(fingerprints(randn(1, 77, 24), randn(4, 1, 16)))
    with pytest.raises(ValueError, match=r"another text encoder.*\(conditioning input 'pooled'\)"):
        erasure.check_encoder(fingerprints(randn(1, 77, 24)))


def test_any_error_while_saving_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = path.read_bytes()

    def fail(*places: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("rece_core.storage.atomic_file.os.replace", fail)
    with pytest.raises(OSError, match="no space left"):
        save_erasure(change_tokens(make_erasure(), operator=make_operator(0, 24, 3)), path)
    monkeypatch.undo()
    assert path.read_bytes() == old
    assert [each.name for each in path.parent.iterdir()] == [path.name]
