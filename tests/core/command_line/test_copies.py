"""Copies of text entries inside a checkpoint: erased alike, left out, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from rece_core.checkpoints.copies import MODEL
from tests.core.checkpoints import ATTENTION, make_checkpoint, save_checkpoint
from tests.core.command_line.calls import Command, assert_one_line, quick
from tests.core.random_models import deviation, randn

DIFFUSION = f"{MODEL}diffusion_model."
KEY = f"{ATTENTION.format(1)}to_k.weight"
TYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2)


def name_by_ldm(name: str) -> str:
    """As LDM's average has it: the name in `model.`, without its dots."""
    return "model_ema." + name.removeprefix(MODEL).replace(".", "")


NAMINGS: dict[str, Callable[[str], str]] = {
    "LDM": name_by_ldm,
    "ema_model with dots": lambda name: "ema_model." + name.removeprefix(MODEL),
    "model_ema, bare": lambda name: "model_ema." + name.removeprefix(DIFFUSION),
    "second model": lambda name: name.removeprefix(MODEL),
}


def average(weights: Mapping[str, Tensor], naming: Callable[[str], str], share: float = 0.02) -> dict[str, Tensor]:
    """Copies in float32 of the diffusion model in `weights`, a `share` off."""
    own = {name: each.float() for name, each in weights.items() if name.startswith(DIFFUSION)}
    return {
        naming(name): each + share * each.std() * randn(number, *each.shape, dtype=torch.float32)
        for number, (name, each) in enumerate(own.items())
    }


def find_left(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> set[str]:
    """Names in `after` of what equals a text entry of `before` or of its copies, in any storage type."""
    originals = [each for name, each in before.items() if each.ndim == 2 and each.shape[0] in (12, 20)]
    originals = [each for each in originals if each.shape[1] == 768]
    return {
        name
        for name, each in after.items()
        for original in originals
        if each.shape == original.shape
        and any(torch.equal(original.to(dtype).float(), each.to(dtype).float()) for dtype in TYPES)
    }


def save(folder: Path, added: Mapping[str, Tensor]) -> dict[str, Tensor]:
    weights = {**make_checkpoint("sd1"), **added}
    save_checkpoint(folder / "in.safetensors", weights)
    return weights


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("share", [0.0, 0.02])
def test_nothing_of_the_original_is_left(command: Command, folder: Path, naming: str, share: float) -> None:
    naming_by = NAMINGS[naming]
    before = save(folder, average(make_checkpoint("sd1"), naming_by, share))
    code, out, err = command("erase", *quick(folder))
    assert (code, err) == (0, "")
    assert "6 copies of them in the file were erased alike." in out
    after = load_file(folder / "out.safetensors")
    assert len(find_left(before, before)) == 8, "control: model and copy are there before"
    assert not find_left(before, after)
    assert list(after) == list(load_file(folder / "in.safetensors"))
    for number in (1, 2):
        for part in ("to_k.weight", "to_v.weight"):
            name = ATTENTION.format(number) + part
            own, copied = ((after[each].float() - before[each].float()) for each in (name, naming_by(name)))
            assert after[naming_by(name)].dtype == torch.float32
            assert deviation(copied, own) < (0.3 if share else 0.005), "the same change, of the copy's own numbers"


def test_copies_are_left_out(command: Command, folder: Path) -> None:
    counters = {"model_ema.decay": torch.tensor(0.9), "model_ema.num_updates": torch.tensor(5, dtype=torch.int32)}
    before = save(folder, {**average(make_checkpoint("sd1"), name_by_ldm), **counters})
    code, out, _ = command("erase", *quick(folder), "--copies", "drop", "--json")
    told, after = json.loads(out), load_file(folder / "out.safetensors")
    assert code == 0
    gone = {name for name in before if name.startswith("model_ema.")}
    assert set(told["copies_left_out"]) == gone == set(before) - set(after)
    assert not find_left(before, after)
    for name, each in after.items():
        if name not in told["weights_changed"]:
            assert torch.equal(each.float(), before[name].float())


def test_inspect_and_json_name_them(command: Command, folder: Path) -> None:
    copies = average(make_checkpoint("sd1"), name_by_ldm)
    save(folder, copies)
    told = json.loads(command("erase", *quick(folder), "--dry-run", "--json")[1])
    assert len(told["copies_changed"]) == 6 and set(told["copies_changed"]) <= set(copies)
    without = json.loads(command("erase", *quick(folder), "--dry-run", "--json", "--copies", "drop")[1])
    assert told["rounding"] == without["rounding"], "of the model in float16, not of its copies in float32"
    told = json.loads(command("inspect", folder / "in.safetensors", "--json")[1])
    assert told["copies"] == "model_ema.diffusion_model…: 4 text entries, erased alike"


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("backup.17", lambda key: key.to(torch.bfloat16), "has the numbers of model.diffusion_model"),
        (f"{DIFFUSION}backup", lambda key: key.clone(), "has the numbers of model.diffusion_model"),
        (name_by_ldm(KEY), lambda key: key[:6].clone(), "has the shape .6, 768., the model's own .12, 768."),
        ("lora.down.lora_down.weight", lambda key: key[:4].clone(), "belongs to a LoRA"),
    ],
)
def test_what_cannot_be_erased_alike_is_refused(
    command: Command,
    folder: Path,
    name: str,
    make: Callable[[Tensor], Tensor],
    message: str,
) -> None:
    weights = make_checkpoint("sd1")
    save(folder, {name: make(weights[KEY])})
    code, out, err = command("erase", *quick(folder))
    assert (code, out) == (1, "")
    assert_one_line(err, f"{name} {message}.*--copies drop")
    assert not (folder / "out.safetensors").exists()
    assert message.split(" .", maxsplit=1)[0] in command("inspect", folder / "in.safetensors")[1]

    assert command("erase", *quick(folder), "--copies", "drop")[0] == 0
    assert name not in load_file(folder / "out.safetensors")


def test_other_weights_of_the_same_shape_stay(command: Command, folder: Path) -> None:
    other = randn(99, 12, 768).to(torch.float16)
    save(folder, {"other.weight": other, "zeros.weight": torch.zeros_like(other)})
    assert command("erase", *quick(folder))[0] == 0
    after = load_file(folder / "out.safetensors")
    assert torch.equal(after["other.weight"], other) and not after["zeros.weight"].any()
