"""The command line in this process, on a small checkpoint."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from rece_core.command_line.main import run
from rece_core.sharing.erasure_file import load_erasure
from rece_core.storage.tensor_file import open_tensor_file
from rece_core.texts.presets import PRESETS
from tests.core.checkpoints import make_checkpoint, make_model, save_checkpoint, save_tokenizer

ROOT = Path(__file__).parents[2]
TARGET = "a cat => a dog"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint, the words for it, and a few captions."""
    folder = tmp_path_factory.mktemp("command")
    save_checkpoint(folder / "in.safetensors", make_checkpoint("sd1"))
    save_tokenizer(folder / "words")
    (folder / "captions.txt").write_text("a house\nthe sea\na red car\n", "utf-8")
    return folder


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(folder: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """`command("erase", ...)` with the checkpoint, quick settings and words: exit code, stdout, stderr."""

    def call(name: str, *arguments: Any) -> tuple[int, str, str]:
        code = run([name, *map(str, arguments)])
        return code, *capsys.readouterr()

    before = {path.name for path in folder.iterdir()}
    yield call
    for path in folder.iterdir():
        if path.name not in before:
            path.unlink()


def quick(folder: Path, output: str = "out.safetensors", target: str = TARGET) -> list[Any]:
    """IN, OUT and options that make an erasure quick."""
    options = ["--target", target] if target else []
    words = ["--tokenizer", folder / "words", "--captions", folder / "captions.txt"]
    files = [folder / "in.safetensors", *([folder / output] if output else [])]
    return [*files, *options, *words, "--as-typed", "--schedule", "manual", "--epochs", 1]


def list_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


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
    assert "stream 'tokens': made on these weights: all of it is exact" in out
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
    assert "edit ridge" in out and " epochs: " in out


BAD: dict[str, tuple[list[str], str]] = {
    "no target": (["--target", " "], r"no target was given"),
    "anchor is target": (["--target", "a bird => a bird"], r"anchor of 'a bird' equals its target"),
    "strange number": (["--seal", "2"], r"seal is 2.0; expected 0 \(off\) to 1"),
    "strange slider": (["--schedule", "automatic", "--carefulness", "3"], r"carefulness is 3.0; expected 0 to 1"),
    "no captions": (["--captions", "{folder}/empty.txt"], r"empty.txt holds no caption"),
    "no file": (["--targets-file", "{folder}/none.txt"], r"none.txt: No such file"),
    "no words": (["--tokenizer", "{folder}"], r"holds no vocab.json"),
    "too long": (["--target", "x" * 76], r"76 tokens long"),
    "wrong ending": (["--save-erasure", "{folder}/kept.ckpt"], r"kept.ckpt is to be written as .safetensors"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_options(command: Command, folder: Path, case: str) -> None:
    (folder / "empty.txt").write_text("\n", "utf-8")
    arguments, message = BAD[case]
    target = "" if case == "no target" else TARGET
    before = list_names(folder)
    more = [argument.replace("{folder}", str(folder)) for argument in arguments]
    code, out, err = command("erase", *quick(folder, target=target), *more)
    assert (code, out) == (1, "")
    assert_one_line(err, message)
    assert list_names(folder) == before


def assert_one_line(err: str, message: str) -> None:
    assert re.fullmatch(rf"error: .*{message}.*\n", err), err


def test_files_in_the_way(command: Command, folder: Path) -> None:
    def refuse(output: str, message: str, *more: Any) -> None:
        code, _, err = command("erase", *quick(folder, output), *more)
        assert code == 1
        assert_one_line(err, message)

    old = (folder / "in.safetensors").stat()
    refuse("in.safetensors", r"in.safetensors is the file that is read. Write to another name", "--overwrite")
    refuse(f"../{folder.name}/in.safetensors", r"is the file that is read")
    assert (folder / "in.safetensors").stat().st_mtime_ns == old.st_mtime_ns
    (folder / "out.safetensors").write_text("mine")
    refuse("out.safetensors", r"out.safetensors is there already. .* replace it by --overwrite")
    assert (folder / "out.safetensors").read_text() == "mine"
    refuse("", r"OUT is missing")
    refuse("new.safetensors", r"out.safetensors is there already", "--save-erasure", folder / "out.safetensors")
    assert command("erase", *quick(folder), "--overwrite")[0] == 0
    assert open_tensor_file(folder / "out.safetensors").metadata["erased"] == "a cat => a dog"


def test_a_disk_too_small_is_told_before_the_long_work(
    command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(folder)
    monkeypatch.setattr("rece_core.storage.disk_space.shutil.disk_usage", lambda path: usage._replace(free=1_000_000))
    monkeypatch.setattr(
        "rece_core.command_line.erase.CheckpointTexts", lambda *parts: pytest.fail("the long work began")
    )
    code, _, err = command("erase", *quick(folder))
    assert code == 1
    assert_one_line(err, r"needs 42.* MB, but the disk of .* has 1 MB left")


BAD_FILES: dict[str, tuple[dict[str, torch.Tensor], str]] = {
    "no encoder": (
        make_model("sd1"),
        r"bad.safetensors has no text encoder inside: no weight is named cond_stage_model",
    ),
    "unknown": ({"x.weight": torch.zeros(3, 3)}, r"bad.safetensors: this model is of no family known here"),
    "another family": (
        {"model.diffusion_model.double_blocks.0.img_attn.qkv.weight": torch.zeros(4, 4)}
        | {
            f"model.diffusion_model.{name}": torch.zeros(4, 8)
            for name in ("txt_in.weight", "vector_in.in_layer.weight")
        },
        r"of the family 'Flux.1', whose text encoder is not read here",
    ),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_checkpoints_that_cannot_be_erased_from(command: Command, folder: Path, case: str) -> None:
    weights, message = BAD_FILES[case]
    bad = save_checkpoint(folder / "bad.safetensors", weights)
    code, _, err = command("erase", bad, *quick(folder)[1:])
    assert code == 1
    assert_one_line(err, message)
    code, out, _ = command("inspect", bad)
    assert code == 0
    assert out.startswith("kind")


def test_files_that_are_no_checkpoint(command: Command, folder: Path) -> None:
    (folder / "bad.safetensors").write_bytes(b"PK\x03\x04" + bytes(100))
    for name, message in (
        ("bad.safetensors", "is not a complete safetensors file"),
        ("none.safetensors", "No such file"),
    ):
        for arguments in (("erase", folder / name, *quick(folder)[1:]), ("inspect", folder / name)):
            code, out, err = command(*arguments)
            assert (code, out) == (1, "")
            assert_one_line(err, message)


def test_an_erasure_for_another_model(command: Command, folder: Path) -> None:
    kept, words = folder / "kept.safetensors", ("--tokenizer", folder / "words")
    assert command("erase", *quick(folder), "--save-erasure", kept)[0] == 0
    weights = make_checkpoint("sd1")
    name = "cond_stage_model.transformer.text_model.embeddings.position_embedding.weight"
    weights[name] = weights[name].flip(0).contiguous()
    other = save_checkpoint(folder / "other.safetensors", weights)
    larger = save_checkpoint(folder / "larger.safetensors", make_model("sd2"))
    for model, message in (
        (other, "made for another text encoder"),
        (larger, "family 'SD 1.x', this one is of 'SD 2.x'"),
    ):
        code, _, err = command("apply", kept, model, folder / "new.safetensors", *words)
        assert code == 1
        assert_one_line(err, message)
    code, _, err = command("apply", kept, folder / "in.safetensors", folder / "new.safetensors", "--strength", 2)
    assert_one_line(err, "strength is 2.0; expected 0 to 1")
    assert not (folder / "new.safetensors").exists()


def test_options_that_nobody_knows(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["erase"], ["erase", "a", "b", "--mode", "wild"], ["paint"]):
        with pytest.raises(SystemExit) as stopped:
            run(arguments)
        assert stopped.value.code == 2
    assert "usage: python -m rece_core" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_leaves_nothing_behind(folder: Path, tmp_path: Path, number: signal.Signals) -> None:
    """In the middle of writing, where the temporary file is there."""
    script = tmp_path / "stop.py"
    script.write_text(STOP_WHILE_WRITING, "utf-8")
    command = [sys.executable, script, "erase", *quick(folder), "--mode", "paper", "--seal", 0, "--epochs", 0]
    with subprocess.Popen([*map(str, command)], cwd=ROOT, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "writing\n"
        assert len(list(folder.glob("*.partial"))) == 1, "control: it is in the middle of writing"
        process.send_signal(number)
        assert process.stderr.read().strip() == "Stopped: nothing was written."
    assert process.returncode == 130
    assert not list(folder.glob("out*"))


STOP_WHILE_WRITING = """
import os, runpy, sys, time
sys.path.insert(0, os.getcwd())

def stop(descriptor):
    print("writing", flush=True)
    time.sleep(600)

os.fsync = stop
runpy.run_module("rece_core", run_name="__main__", alter_sys=True)
"""
