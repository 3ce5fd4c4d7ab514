"""Erasure files: exact round trips, clear errors, and an old file that survives whatever happens to a new one."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from rece_core.algebra.operator import Operator
from rece_core.erasing.erase import iterate_erasure
from rece_core.erasing.erasure import Erasure, Part
from rece_core.erasing.seal import Seal
from rece_core.erasing.settings import EditSettings, EraseSettings
from rece_core.models.fingerprint import Fingerprint, fingerprint, fingerprint_streams
from rece_core.sharing.erasure_file import FORMAT_VERSION, load_erasure, save_erasure
from rece_core.storage.atomic_file import write_atomically
from rece_core.texts.alignment import EncodedText
from rece_core.texts.concepts import parse_concepts
from tests.core.random_models import deviation, make_operator, make_scene, randn

ROOT = Path(__file__).parents[2]
SETTINGS = EraseSettings(EditSettings(ridge=0.05, tokens="last"), epochs=2, iteration="cumulative")


def make_erasure() -> Erasure:
    scene = make_scene()
    results = list(iterate_erasure(scene.gram, scene.texts, SETTINGS))
    records = tuple(result.record for result in results)
    pooled = replace(SETTINGS, seal=0.5)
    return Erasure(
        parts={
            "tokens": Part(results[-1].operator, SETTINGS, records, fingerprint(scene.gram.total), note="all done"),
            "pooled": Part(make_operator(1, 16, 2), pooled, records[:1], fingerprint(randn(5, 16, 16))),
        },
        concepts=parse_concepts("style", "梵高 => 艺术\nnaïve “art” 🎨 => a\\b", preserve="Ünïcode\nline two"),
        encoder=fingerprints(randn(1, 77, 24), randn(3, 1, 16)),
        family="SDXL",
        left_alone={"byt5": "the text encoder gives no such embedding"},
        text_weights="*.attn2.to_k.weight\nlabel_emb.0.0.weight @ pooled",
    )


def fingerprints(tokens: Tensor, pooled: Tensor | None = None) -> dict[str, Fingerprint]:
    """Of a text encoder that gives these embeddings, the last word in row 5."""
    streams = {"tokens": EncodedText("a text", tokens, 5)}
    if pooled is not None:
        streams["pooled"] = EncodedText("a text", pooled, 0)
    return fingerprint_streams(streams)


def change_tokens(erasure: Erasure, **changes: Any) -> Erasure:
    """The same with another part for the tokens."""
    return replace(erasure, parts={**erasure.parts, "tokens": replace(erasure.parts["tokens"], **changes)})


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


def test_seals_rotations_and_phrasings_come_back(tmp_path: Path) -> None:
    names = ("blocks.1.attn2.to_v.weight", "blocks.3.attn2.to_v.weight")
    erasure = change_tokens(
        replace(
            make_erasure(),
            concepts=parse_concepts("custom", r"disc, a\, b => c, d", phrasings=("{}", "a {}"), captions=("x", "y")),
        ),
        seals={name: Seal(randn(1, 7, 2), randn(2, 7, 2), randn(3, 2)) for name in names},
        rotations={name: randn(4, 7, 7, dtype=torch.float32) for name in names},
    )
    save_erasure(erasure, tmp_path / "e.safetensors")
    loaded = load_erasure(tmp_path / "e.safetensors")
    assert loaded.concepts == erasure.concepts
    found, part = loaded.parts["tokens"], erasure.parts["tokens"]
    for name in names:
        assert torch.equal(found.rotations[name], part.rotations[name])
        for side in ("write", "read", "level"):
            assert torch.equal(getattr(found.seals[name], side), getattr(part.seals[name], side))
    assert not loaded.parts["pooled"].seals and not loaded.parts["pooled"].rotations


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
    assert pooled.startswith("pooled: mode paper, sealed 50%")
    part = json.loads(metadata["parts"])["tokens"]
    assert part["settings"]["edit"]["ridge"] == 0.05
    assert [record["epoch"] for record in part["epochs"]] == [0, 1, 2]


def test_another_text_encoder() -> None:
    erasure = make_erasure()
    assert erasure.check_encoder(fingerprints(randn(1, 77, 24).half(), randn(3, 1, 16).half())) == ""  # control
    close = randn(1, 77, 24) + 0.05 * randn(5, 77, 24)
    note = erasure.check_encoder(fingerprints(close, randn(3, 1, 16)))
    assert "about" in note and note.endswith("as a copy in fp8 does, so all of it is approximate.")
    with pytest.raises(ValueError, match=r"another text encoder.*\(stream 'tokens'\).* erase again on this one"):
        erasure.check_encoder(fingerprints(randn(2, 77, 24), randn(3, 1, 16)))
    with pytest.raises(ValueError, match=r"another text encoder.*\(stream 'pooled'\)"):
        erasure.check_encoder(fingerprints(randn(1, 77, 24), randn(4, 1, 16)))
    with pytest.raises(ValueError, match=r"another text encoder.*\(stream 'pooled'\)"):
        erasure.check_encoder(fingerprints(randn(1, 77, 24)))


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
        ({"format_version": "1"}, r"has version 1 .* reads version 2. Erase again and save it"),
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


WRITE_AND_STOP = """
import os, sys, time
from pathlib import Path
from rece_core.storage.atomic_file import write_atomically

def stop(descriptor):
    print("written", flush=True)
    time.sleep(600)

os.fsync = stop
write_atomically(Path(sys.argv[1]), b"new" * 1_000_000)
"""


def test_a_process_killed_while_saving_leaves_the_old_file(path: Path) -> None:
    old = path.read_bytes()
    command = [sys.executable, "-c", WRITE_AND_STOP, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
        assert len(list(path.parent.iterdir())) == 2, "control: it is in the middle of writing"
        writer.kill()
    assert path.read_bytes() == old
    load_erasure(path)
    write_atomically(path, b"new" * 1_000_000)  # and what it left behind is in nobody's way
    assert path.read_bytes() == b"new" * 1_000_000


def test_a_full_disk_leaves_the_old_file_and_nothing_else(path: Path) -> None:
    resource = pytest.importorskip("resource", reason="limits on file sizes are set by POSIX systems alone")
    old, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_atomically(path, b"new" * 1_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == old
    assert [each.name for each in path.parent.iterdir()] == [path.name]


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


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        write_atomically(tmp_path / "file" / "erasure.safetensors", b"new")
