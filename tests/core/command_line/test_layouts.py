"""Checkpoints as they lie on people's disks: what the command line makes of each, and the table that says so."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from rece_core.storage.tensor_file import open_tensor_file
from tests.core.checkpoints import ATTENTION, make_checkpoint, make_encoders, make_model
from tests.core.command_line import test_folders
from tests.core.command_line.calls import Command, assert_one_line
from tests.core.random_models import deviation, randn

Weights = dict[str, Tensor]
PAGE = Path(__file__).parents[3] / "docs" / "command-line.md"
UNET, ENCODER = "model.diffusion_model.", "cond_stage_model.transformer.text_model."
POSITIONS = f"{ENCODER}embeddings.position_ids"
HOW = ("--target", "a cat => a dog", "--schedule", "paper")
# How far a weight may be from the one erased in float32, by the type it is stored in.
ROUNDING = {torch.float32: 1e-6, torch.float16: 1e-3, torch.bfloat16: 1e-2, torch.float8_e4m3fn: 0.08}


def keep(weights: Weights) -> Weights:
    return weights


def rename_encoder(weights: Weights) -> Weights:
    return {name.replace(ENCODER, ENCODER.removesuffix("text_model.")): each for name, each in weights.items()}


def add(**tensors: Tensor) -> Callable[[Weights], Weights]:
    return lambda weights: {**weights, **{name.replace("__", "."): each for name, each in tensors.items()}}


def break_positions(weights: Weights) -> Weights:
    """As merging in fp16 left them: some are a little less than they were, and so cut off to the one before."""
    return {**weights, POSITIONS: (torch.arange(77)[None] - 0.001).half()}


def widen(channels: int) -> Callable[[Weights], Weights]:
    first = f"{UNET}input_blocks.0.0.weight"
    return lambda weights: {**weights, first: randn(1, 8, channels, 3, 3).half()}


def mix_types(weights: Weights) -> Weights:
    kinds = list(ROUNDING)
    names = [name for name in weights if name.startswith(UNET)]
    return {**weights, **{name: weights[name].to(kinds[place % 4]) for place, name in enumerate(names)}}


def leave_out_vae(weights: Weights) -> Weights:
    return {name: each for name, each in weights.items() if not name.startswith("first_stage_model.")}


MIXED = "fp32, fp16, bf16 and fp8 mixed"
#: By the first column of the table: what is done to an ordinary SD 1.x, whose text entries then become the same.
ERASED: dict[str, Callable[[Weights], Weights]] = {
    "SD 1.x as published; Turbo, LCM, Lightning, Hyper and DMD variants have the same names": keep,
    "text encoder under old names, `cond_stage_model.transformer.` without `text_model.`": rename_encoder,
    "`position_ids` broken or in fp16": break_positions,
    "`position_ids` as integers": add(**{POSITIONS.replace(".", "__"): torch.arange(77)[None]}),
    "markers of v-prediction and zero SNR (`v_pred`, `ztsnr`)": add(v_pred=torch.tensor([]), ztsnr=torch.tensor([])),
    "inpainting, 9 channels in": widen(9),
    "instruct, 8 channels in": widen(8),
    "LCM's `time_embed.cond_proj`": add(**{f"{UNET}time_embed.cond_proj.weight".replace(".", "__"): torch.ones(8, 4)}),
    "without a VAE": leave_out_vae,
    MIXED: mix_types,
    "scalars and empty tensors": add(a=torch.tensor(1.5), b=torch.zeros(0, 4), c=torch.tensor(7)),
}
#: The same, of other families, which have text entries of their own.
FAMILIES = {"SDXL refiner": "refiner", "SD 2.x": "sd2"}


def scale_beside(weights: Weights) -> Weights:
    name = f"{ATTENTION.format(1)}to_k.weight"
    scale = {name.replace("weight", "scale_weight"): torch.ones(1)}
    return {**weights, name: weights[name].to(torch.float8_e4m3fn), **scale}


def store_as_int8(weights: Weights) -> Weights:
    name = f"{ATTENTION.format(1)}to_k.weight"
    return {**weights, name: weights[name].to(torch.int8)}


def leave_out_encoder(weights: Weights) -> Weights:
    return {name: each for name, each in weights.items() if not name.startswith("cond_stage_model.")}


REFUSED: dict[str, tuple[Callable[[Weights], Weights], str]] = {
    "scales beside fp8 weights": (scale_beside, r"to_k.weight in bad.* is quantised, with a scale_weight beside it"),
    "weights in int8": (store_as_int8, r"to_k.weight in bad.* is stored as I8; expected one of"),
    "a diffusion model by itself": (leave_out_encoder, r"has no text encoder inside: no weight is named"),
}
LONG, TOO_LONG = "metadata of up to 10 MB", "metadata of more than 10 MB"
LARGE = "files over 4 GB"
#: What other tests do.
ELSEWHERE: dict[str, tuple[str, Any]] = {
    "folder of diffusers, whole or in shards: SD 1.x, SD 2.x, SDXL": (
        "erased, a folder again",
        test_folders.test_erased_it_is_the_same_as_the_erased_checkpoint,
    ),
    "folder with the same weights once more (`.bin`, `.fp16.safetensors`, `.ckpt`)": (
        "refused, or left out with `--copies drop`",
        test_folders.test_weights_that_are_there_twice,
    ),
    "transformer of SD3 or Flux by itself, by ComfyUI's or diffusers' names": (
        "`apply` alone",
        test_folders.test_a_transformer_by_itself_takes_an_erasure,
    ),
}


@pytest.fixture(scope="module")
def plain() -> Weights:
    return make_checkpoint("sd1", torch.float32)


@pytest.fixture(scope="module")
def erased() -> Weights:
    """What an ordinary checkpoint becomes, see `find_expected`; filled by the first test that needs it."""
    return {}


def erase(command: Command, folder: Path, *more: Any) -> tuple[int, str, str]:
    files = [folder / "bad.safetensors", *([] if "--dry-run" in more else [folder / "good.safetensors"])]
    return command("erase", *files, *HOW, "--tokenizer", folder / "words", *more)


def find_expected(command: Command, folder: Path, weights: Weights) -> Weights:
    """What the command line makes of an ordinary checkpoint with these weights."""
    save_file(weights, folder / "bad.safetensors")
    assert erase(command, folder)[0] == 0
    found = load_file(folder / "good.safetensors")
    (folder / "good.safetensors").unlink()
    return found


def compare(before: Weights, after: Weights) -> set[str]:
    """The names of what is not byte by byte the same."""
    assert {name: (each.dtype, each.shape) for name, each in before.items()} == {
        name: (each.dtype, each.shape) for name, each in after.items()
    }
    return {name for name in before if not torch.equal(before[name].view(-1).float(), after[name].view(-1).float())}


@pytest.mark.parametrize("layout", ERASED)
def test_the_text_entries_become_the_same_in(
    layout: str, command: Command, folder: Path, plain: Weights, erased: Weights
) -> None:
    before = ERASED[layout](dict(plain))
    entries = {f"{ATTENTION.format(number)}to_{part}.weight" for number in (1, 2) for part in "kv"}
    if layout == MIXED:  # an epoch looks at all weights, so those beside it count as they are rounded
        expected = find_expected(command, folder, plain | {name: before[name].float() for name in entries})
    else:
        erased.update(erased or find_expected(command, folder, plain))
        expected = erased
    save_file(before, folder / "bad.safetensors")
    code, _, err = erase(command, folder)
    assert (code, err) == (0, "")
    after = load_file(folder / "good.safetensors")
    assert compare(before, after) == entries
    for name in entries:
        assert deviation(after[name].float(), expected[name]) <= ROUNDING[before[name].dtype], name
        assert deviation(before[name].float(), expected[name]) > 1e-3, "control"


@pytest.mark.parametrize("layout", FAMILIES)
def test_so_do_those_of(layout: str, command: Command, folder: Path) -> None:
    kind = FAMILIES[layout]
    before = make_model("sdxl", torch.float32) if kind == "refiner" else make_model(kind, torch.float32)
    if kind == "refiner":
        before = {
            name: each[:, :1280].contiguous() if "to_k" in name or "to_v" in name else each
            for name, each in before.items()
        }
        before[f"{UNET}label_emb.0.0.weight"] = randn(5, 16, 1280 + 5 * 256).float()
    before |= make_encoders(kind)
    save_file(before, folder / "bad.safetensors")
    assert erase(command, folder)[0] == 0
    changed = compare(before, load_file(folder / "good.safetensors"))
    assert {name.rsplit(".", 2)[-2] for name in changed} == ({"to_k", "to_v"} | ({"0"} if kind == "refiner" else set()))
    assert command("inspect", folder / "good.safetensors")[1].count(f"family        {layout}\n") == 1


@pytest.mark.parametrize("layout", REFUSED)
def test_it_is_refused_with(layout: str, command: Command, folder: Path, plain: Weights) -> None:
    change, message = REFUSED[layout]
    save_file(change(dict(plain)), folder / "bad.safetensors")
    code, out, err = erase(command, folder)
    assert (code, out) == (1, "") and not (folder / "good.safetensors").exists()
    assert_one_line(err, message)


def test_metadata(command: Command, folder: Path, plain: Weights) -> None:
    long = "é" * 4_000_000  # bytes twice as many
    save_file(plain, folder / "bad.safetensors", {"workflow": long})
    assert erase(command, folder)[0] == 0
    assert open_tensor_file(folder / "good.safetensors").metadata["workflow"] == long
    save_file(plain, folder / "bad.safetensors", {"workflow": long + long})
    code, _, err = erase(command, folder, "--overwrite")
    assert code == 1
    assert_one_line(err, r"the header of bad.safetensors has 16 MB; expected at most 10 MB")


def test_large_files(command: Command, folder: Path, plain: Weights) -> None:
    """The weights lie behind the first 4 GB, which is a hole in the file and takes no room."""
    save_file(plain, folder / "bad.safetensors")
    expected = json.loads(erase(command, folder, "--dry-run", "--json")[1])
    content = (folder / "bad.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header, hole = json.loads(content[8 : 8 + length]), 5 * 2**30
    moved = {
        name: {**each, "data_offsets": [hole + end for end in each["data_offsets"]]}
        for name, each in header.items()
        if name != "__metadata__"
    }
    told = json.dumps({"hole": {"dtype": "U8", "shape": [hole], "data_offsets": [0, hole]}, **moved}).encode()
    with open(folder / "bad.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(told)) + told)
        file.seek(hole, 1)
        file.write(content[8 + length :])
    code, out, _ = erase(command, folder, "--dry-run", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["weights_changed"] == expected["weights_changed"]
    base, wanted = (each["streams"]["tokens"]["base_model"] for each in (found, expected))
    assert base == pytest.approx(wanted, abs=1e-5), "the sketch of what was read"


def test_the_table_of_the_page_is_that_of_these_tests() -> None:
    (table,) = re.findall(r"<!-- layouts -->\n(.*?)<!-- end of layouts -->", PAGE.read_text("utf-8"), re.DOTALL)
    rows = [tuple(cell.strip() for cell in line.strip("|\n ").split(" | ")) for line in table.splitlines()[2:]]
    expected = {
        **dict.fromkeys([*ERASED, *FAMILIES, LONG, LARGE], "erased"),
        **{name: f"refused{', `apply` takes it' if 'by itself' in name else ''}" for name in REFUSED},
        TOO_LONG: "refused",
        **{name: outcome for name, (outcome, test) in ELSEWHERE.items() if callable(test)},
    }
    assert dict(rows) == expected and len(rows) == len(expected)
