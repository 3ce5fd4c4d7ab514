"""Checkpoints as models: their text entries, what an erasure makes of them, and what storing that costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from rece_core.algebra.operator import Operator
from rece_core.checkpoints.checkpoint import MODEL, Checkpoint, list_changes, open_checkpoint
from rece_core.checkpoints.checkpoint_writer import write_erased
from rece_core.erasing.erasure import Erasure, Part
from rece_core.erasing.settings import EraseSettings
from rece_core.erasing.value_eraser import ValueEraser
from rece_core.texts.concepts import parse_concepts
from tests.core.checkpoints import ATTENTION, make_model, save_checkpoint
from tests.core.random_models import deviation, randn

FINGERPRINT = (0.0,) * 16
LABEL = "model.diffusion_model.label_emb.0.0."


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A small SDXL in float32."""
    path = tmp_path_factory.mktemp("sdxl") / "in.safetensors"
    return open_checkpoint(save_checkpoint(path, make_model("sdxl", torch.float32)))


def make_part(seed: int, width: int, names: tuple[str, ...], rows: tuple[int, ...]) -> Part:
    """An operator of rank 3, and value erasers with these names and rows."""
    operator = Operator(randn(seed, width, 3) / 8, randn(seed + 1, width, 3) / 8)
    value_erasers = {
        name: ValueEraser(randn(seed + 2, height, 1), randn(seed + 3, height, 1) / height, randn(seed + 4, 1))
        for name, height in zip(names, rows, strict=True)
    }
    return Part(operator, EraseSettings(seal=0.5, epochs=0), (), FINGERPRINT, value_erasers=value_erasers)


@pytest.fixture(scope="module")
def erasure() -> Erasure:
    """Of tokens and of the pooled embedding, both with value erasers."""
    values = tuple(f"{ATTENTION.format(n).removeprefix(MODEL)}to_v.weight" for n in (1, 2))
    parts = {
        "tokens": make_part(10, 2048, values, (12, 20)),
        "pooled": make_part(20, 1280, (f"{LABEL.removeprefix(MODEL)}weight",), (16,)),
    }
    return Erasure(parts, parse_concepts("custom", "a => b"), {"tokens": FINGERPRINT}, "SDXL")


def edit(matrix: Tensor, part: Part, eraser: ValueEraser | None) -> Tensor:
    """(I − s δ wᵀ) W M, literally; float64."""
    edited = matrix.double() @ part.operator.matrix()
    return (
        edited
        if eraser is None
        else edited - part.settings.seal * eraser.project_left @ (eraser.project_right.T @ edited)
    )


def test_names_are_those_of_the_host(checkpoint: Checkpoint) -> None:
    family = checkpoint.model.family
    assert (family.name, set(family.cond_inputs)) == ("SDXL", {"tokens", "pooled"})
    assert all(entry.name.startswith("diffusion_model.") for entry in family.entries)
    steps: list[str] = []
    (pooled,) = checkpoint.model.read(checkpoint.model.cond_inputs["pooled"], steps.append)
    assert pooled.matrix.shape == (16, 1280)
    assert torch.equal(pooled.matrix, checkpoint.file.read(f"{LABEL}weight")[:, :1280])
    assert steps == ["read label_emb.0.0.weight"]


def test_every_change_is_that_of_the_equations(checkpoint: Checkpoint, erasure: Erasure) -> None:
    changes, file = list_changes(checkpoint, erasure), checkpoint.file
    tokens, pooled = erasure.parts["tokens"], erasure.parts["pooled"]
    expected = {}
    for number in (1, 2):
        start = ATTENTION.format(number)
        eraser = tokens.value_erasers[f"{start.removeprefix(MODEL)}to_v.weight"]
        expected[f"{start}to_k.weight"] = edit(file.read(f"{start}to_k.weight"), tokens, None)
        expected[f"{start}to_v.weight"] = edit(file.read(f"{start}to_v.weight"), tokens, eraser)
        back = 0.5 * file.read(f"{start}to_out.0.weight").double() @ (eraser.project_left @ eraser.target)
        expected[f"{start}to_out.0.bias"] = file.read(f"{start}to_out.0.bias").double() + back
    label, (eraser,) = file.read(f"{LABEL}weight"), pooled.value_erasers.values()
    expected[f"{LABEL}weight"] = torch.cat([edit(label[:, :1280], pooled, eraser), label[:, 1280:].double()], 1)
    expected[f"{LABEL}bias"] = file.read(f"{LABEL}bias").double() + 0.5 * eraser.project_left @ eraser.target
    assert set(changes) == set(expected)
    for name, weight in expected.items():
        assert deviation(changes[name](), weight) < 1e-6
        assert deviation(file.read(name), weight) > 1e-2, "control: it changes"


def test_strength_scales_every_change(checkpoint: Checkpoint, erasure: Erasure) -> None:
    whole, half, none = (list_changes(checkpoint, erasure, strength) for strength in (1.0, 0.5, 0.0))
    for name in whole:
        assert torch.equal(none[name](), checkpoint.file.read(name))
        assert deviation(half[name](), (whole[name]() + none[name]()) / 2) < 1e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_stored_weights_are_rounded_once(tmp_path: Path, erasure: Erasure, dtype: torch.dtype) -> None:
    source = save_checkpoint(tmp_path / "in.safetensors", make_model("sdxl", dtype))
    out = tmp_path / "out.safetensors"
    checkpoint = open_checkpoint(source)
    written = write_erased(checkpoint, erasure, out)
    before, after, changes = load_file(source), load_file(out), list_changes(checkpoint, erasure)
    assert set(written.names) == set(changes)
    lost = changed = 0.0
    for name, weight in after.items():
        exact = changes[name]() if name in changes else before[name]
        assert weight.dtype == before[name].dtype
        assert torch.equal(weight.float(), exact.to(weight.dtype).float())
        if name in changes:
            lost += float((weight.double() - exact.double()).square().sum())
            changed += float((exact.double() - before[name].double()).square().sum())
    assert written.rounding == pytest.approx((lost / changed) ** 0.5)
    assert (written.rounding < 1e-7) == (dtype == torch.float32)
    again = open_checkpoint(out)
    assert again.file.metadata["erased"] == "a => b"
    assert again.file.metadata["modelspec.title"] == "small"


def test_a_dry_run_measures_and_writes_nothing(tmp_path: Path, erasure: Erasure) -> None:
    checkpoint = open_checkpoint(save_checkpoint(tmp_path / "in.safetensors", make_model("sdxl")))
    dry = write_erased(checkpoint, erasure, None)
    assert [each.name for each in tmp_path.iterdir()] == ["in.safetensors"]
    written = write_erased(checkpoint, erasure, tmp_path / "out.safetensors")
    assert (dry.names, dry.share) == (written.names, written.share)
    assert dry.rounding == pytest.approx(written.rounding)


def test_nothing_to_erase_has_no_rounding(checkpoint: Checkpoint, erasure: Erasure) -> None:
    assert str(write_erased(checkpoint, erasure, None, strength=0.0).rounding) == "nan"
    assert write_erased(checkpoint, replace(erasure, parts={}), None).names == ()


@pytest.mark.parametrize("channels", [4, 9, 8])
def test_inpainting_and_instruct_variants(tmp_path: Path, channels: int) -> None:
    save_checkpoint(tmp_path / "in.safetensors", make_model("sd1", in_channels=channels))
    family = open_checkpoint(tmp_path / "in.safetensors").model.family
    assert (family.name, len(family.entries)) == ("SD 1.x", 4)


def test_an_unknown_family(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "new.safetensors", {"model.diffusion_model.strange.weight": torch.zeros(3, 3)})
    with pytest.raises(ValueError, match=r"new.safetensors: this model is of no family known here: .*named strange"):
        open_checkpoint(tmp_path / "new.safetensors")


@pytest.mark.parametrize("scale", ["scale_weight", "weight_scale"])
def test_weights_that_are_quantised(tmp_path: Path, scale: str) -> None:
    weights = make_model("sd1", torch.float8_e4m3fn)
    weights[f"{ATTENTION.format(1)}to_k.{scale}"] = torch.ones(())
    save_checkpoint(tmp_path / "q.safetensors", weights)
    with pytest.raises(ValueError, match=rf"to_k.weight in q.safetensors is quantised, with a {scale} beside it. Use"):
        open_checkpoint(tmp_path / "q.safetensors")


def test_weights_of_whole_numbers(tmp_path: Path) -> None:
    weights = make_model("sd1")
    name = f"{ATTENTION.format(1)}to_k.weight"
    save_checkpoint(tmp_path / "q.safetensors", {**weights, name: weights[name].to(torch.int8)})
    with pytest.raises(ValueError, match=r"to_k.weight in q.safetensors is stored as I8; expected one of F64"):
        open_checkpoint(tmp_path / "q.safetensors")
