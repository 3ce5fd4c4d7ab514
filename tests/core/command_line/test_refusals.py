"""What the command line refuses, in a line, and that nothing is left where it stops."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from rece_core.command_line.main import run
from rece_core.storage.tensor_file import open_tensor_file
from tests.core.checkpoints import make_checkpoint, make_model, save_checkpoint
from tests.core.command_line.calls import TARGET, Command, assert_one_line, list_names, quick

ROOT = Path(__file__).parents[3]

BAD: dict[str, tuple[list[str], str]] = {
    "no target": (["--target", " "], r"no target was given"),
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


@pytest.mark.skipif(sys.platform == "win32", reason="limits of this kind are POSIX's")
def test_what_the_system_cannot_do_is_no_refusal(command: Command, folder: Path) -> None:
    import resource

    before = list_names(folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))  # as on a file system for small files
    try:
        code, out, err = command("erase", *quick(folder))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (code, out) == (3, "")
    assert_one_line(err, "File too large")
    assert list_names(folder) == before
    assert command("erase", *quick(folder))[0] == 0, "control"


@pytest.mark.parametrize("fault", [TypeError("None"), MemoryError()], ids=["fault", "memory"])
def test_a_fault_of_ours_is_told_with_its_place(
    command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def fail(options: object) -> str:
        raise fault

    monkeypatch.setattr("rece_core.command_line.inspect.run", fail)
    code, out, err = command("inspect", folder / "in.safetensors")
    assert (code, out) == (3, "")
    assert "in fail" in err and f"error: {type(fault).__name__}, which is a fault of this program." in err


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
