"""What the command line writes, and what it says of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import torch
from safetensors.torch import load_file

from rece_core.sharing.erasure_file import load_erasure
from rece_core.storage.tensor_file import open_tensor_file
from rece_core.texts.presets import PRESETS
from tests.core.command_line.calls import Command, list_names, quick


def test_erase_writes_a_checkpoint_that_says_so(command: Command, folder: Path) -> None:
    code, out, err = command("erase", *quick(folder))
    assert (code, err) == (0, "")
    assert "a cat => a dog" in out
    assert "first edit" in out and "epoch 1" in out
    assert f"Written to {folder / 'out.safetensors'}." in out
    before, after = load_file(folder / "in.safetensors"), load_file(folder / "out.safetensors")
    assert list(before) == list(after)
    changed = {name for name in before if not torch.equal(before[name].float(), after[name].float())}
    assert all(
        ".attn2.to_k.weight" in name or ".attn2.to_v.weight" in name or name.endswith(".bias") for name in changed
    )
    assert len(changed) == 6  # keys, values and the biases behind them, of two layers
    metadata = open_tensor_file(folder / "out.safetensors").metadata
    assert (metadata["modelspec.title"], metadata["erased"]) == ("small", "a cat => a dog")

    code, out, _ = command("inspect", folder / "out.safetensors")
    assert code == 0
    for name, text in (("kind", "checkpoint"), ("family", "SD 1.x"), ("erased", "a cat => a dog")):
        assert re.search(rf"^{name} +{text}$", out, re.MULTILINE)


def test_json(command: Command, folder: Path) -> None:
    code, out, _ = command("erase", *quick(folder), "--json")
    told = json.loads(out)
    assert (code, told["family"], told["erased"]) == (0, "SD 1.x", "a cat => a dog")
    assert told["output"] == str(folder / "out.safetensors")
    assert [epoch["epoch"] for epoch in told["streams"]["tokens"]["epochs"]] == [0, 1]
    assert len(told["weights_changed"]) == 6
    assert 0 < told["rounding"] < 0.01

    told = json.loads(command("inspect", folder / "out.safetensors", "--json")[1])
    assert (told["kind"], told["family"], told["header"]["erased"]) == ("checkpoint", "SD 1.x", "a cat => a dog")


def test_a_dry_run_writes_nothing(command: Command, folder: Path) -> None:
    before = list_names(folder)
    erasure = folder / "kept.safetensors"
    code, out, _ = command("erase", *quick(folder), "--dry-run", "--save-erasure", erasure)
    assert code == 0
    assert "Nothing was written: this was a dry run." in out
    assert "6 weights changed" in out
    assert list_names(folder) == before
    assert command("erase", *quick(folder, output=""), "--dry-run")[0] == 0
    assert list_names(folder) == before


def test_a_saved_erasure_applies_to_the_same_end(command: Command, folder: Path) -> None:
    kept = folder / "kept.safetensors"
    assert command("erase", *quick(folder), "--save-erasure", kept)[0] == 0
    assert load_erasure(kept).concepts.describe() == "a cat => a dog"
    assert re.match(r"kind +erasure\n", command("inspect", kept)[1])
    words = ("--tokenizer", folder / "words")
    code, out, _ = command("apply", kept, folder / "in.safetensors", folder / "again.safetensors", *words)
    assert code == 0 and "Written to" in out
    assert "conditioning input 'tokens': made on these weights: all of it is exact" in out
    first, again = (load_file(folder / f"{name}.safetensors") for name in ("out", "again"))
    # the operator was compressed once more on its way through the file: a rounding may fall the other way
    assert all(torch.allclose(first[name].float(), again[name].float(), rtol=2e-3, atol=1e-5) for name in first)
    part = (*words, "--strength", 0, "--overwrite", "--json")
    code, out, _ = command("apply", kept, folder / "in.safetensors", folder / "again.safetensors", *part)
    assert (code, json.loads(out)["strength"], json.loads(out)["rounding"]) == (0, 0.0, None)
    before, again = (load_file(folder / f"{name}.safetensors") for name in ("in", "again"))
    assert all(torch.equal(before[name].float(), again[name].float()) for name in before)


def test_erasing_again_remembers_the_first_time(command: Command, folder: Path) -> None:
    assert command("erase", *quick(folder))[0] == 0
    second = quick(folder, "twice.safetensors", "a bird => a house")
    assert command("erase", folder / "out.safetensors", *second[1:])[0] == 0
    out = command("inspect", folder / "twice.safetensors")[1]
    assert re.search(r"^erased +a bird => a house$", out, re.MULTILINE)
    assert re.search(r"^erased before +a cat => a dog$", out, re.MULTILINE)


def test_targets_and_preserved_texts_from_files(command: Command, folder: Path) -> None:
    (folder / "targets.txt").write_text("a cat => a dog\n\na bird\n", "utf-8")
    (folder / "keep.txt").write_text("a tree\n", "utf-8")
    files = ("--targets-file", folder / "targets.txt", "--preserve-file", folder / "keep.txt", "--preserve", "a bush")
    code, out, _ = command("erase", *quick(folder, target=""), *files, "--anchor", "a stone", "--json")
    assert code == 0
    assert json.loads(out)["erased"] == "a cat => a dog\na bird => a stone"
    kept = json.loads(open_tensor_file(folder / "out.safetensors").metadata["concepts"])["preserve"]
    assert sorted(kept) == ["a bush", "a tree"]


def test_the_kind_has_targets_of_its_own(command: Command, folder: Path) -> None:
    code, out, _ = command(
        "erase", *quick(folder, "", ""), "--dry-run", "--kind", "nudity", "--schedule", "paper", "--json"
    )
    told = json.loads(out)
    assert (code, told["erased"]) == (0, "nudity => (one space)")
    settings = told["streams"]["tokens"]["settings"]
    assert (settings["epochs"], settings["edit"]["mode"], settings["seal"]) == (PRESETS["nudity"].epochs, "paper", 0.0)


def test_the_automatic_schedule_says_why_it_stopped(command: Command, folder: Path) -> None:
    code, out, _ = command("erase", *quick(folder, ""), "--dry-run", "--schedule", "automatic")
    assert code == 0
    assert "edit ridge" in out and re.search(r", (1 epoch|[02-9] epochs): ", out)
