"""The command line beside the host: its text encoders give the same, and it writes what the graph saves."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from harness.client import Client
from harness.environment import ROOT
from harness.server import Server
from harness.widgets import read_defaults
from rece_core.checkpoints.clip_texts import CheckpointTexts
from rece_core.checkpoints.stored_encoders import find_encoders
from rece_core.checkpoints.tokenizer_files import IN_HOST, load_tokenizer
from rece_core.storage.tensor_file import open_tensor_file
from tests.host.graphs import ModelGraph

HERE = Path(__file__).parent
MAKERS = {"SD 1.x": ("make_random_sd15.py",), "SD 2.x": ("make_random_checkpoint.py", "sd2")}
MAKERS["SDXL"] = ("make_random_checkpoint.py", "sdxl")
TEXTS = ("", " ", "a photo of a cat", r"a \(red\) Ünïcode cat, and 123 more", " ".join(["cat"] * 75))
CAPTIONS = "a few captions.txt"
NUDITY = {"kind": "nudity", "captions": CAPTIONS}
SAVED = "by_graph_00001_.safetensors"
FAMILIES = [pytest.param(each, marks=pytest.mark.slow if each != "SD 1.x" else ()) for each in MAKERS]
# Widgets of RECE Iterate, beside what they show at first, and options for the same.
SETTINGS: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "as they are": ({}, []),
    "paper iteration": (
        {"schedule": "manual", "iteration": "paper", "epochs": 1, "edit_ridge": 10.0},
        ["--schedule", "manual", "--iteration", "paper", "--epochs", 1, "--edit-ridge", 10],
    ),
}
# Keys, values and the biases behind them; of SDXL, with its smaller U-Net, the pooled entry and its bias too.
CHANGED = {"SD 1.x": 3 * 16, "SD 2.x": 3 * 16, "SDXL": 3 * 15 + 2}


def make_checkpoint(server: Server, family: str, path: Path) -> Path:
    script, *kind = MAKERS[family]
    subprocess.run([server.host.python, HERE / script, server.host.folder, *kind, path], check=True)
    return path


@pytest.fixture
def captions(server: Server) -> Iterator[Path]:
    """A few captions in the input folder of `server`."""
    path = server.base / "input" / CAPTIONS
    path.write_text("a house by the sea\na bowl of fruit\npeople in a park\n", "utf-8")
    yield path
    path.unlink()


@pytest.fixture
def checkpoint(server: Server, family: str) -> Iterator[Path]:
    """A file of `family` with text encoders of full size and random weights, among the models of `server`."""
    path = make_checkpoint(server, family, server.base / "models" / "checkpoints" / "random.safetensors")
    yield path
    for each in (path, server.output / SAVED):
        each.unlink(missing_ok=True)
    with Client(server.url) as client:
        client.free()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_text_encoders_give_what_the_host_gives(server: Server, tmp_path: Path, family: str) -> None:
    path = make_checkpoint(server, family, tmp_path / "random.safetensors")
    script = [server.host.python, HERE / "encode_by_host.py", server.host.folder]
    subprocess.run([*script, path, tmp_path / "texts.safetensors", *TEXTS], check=True)
    expected, file = load_file(tmp_path / "texts.safetensors"), open_tensor_file(path)
    encode = CheckpointTexts(file, find_encoders(file, family), load_tokenizer(server.host.folder / IN_HOST))
    for number, text in enumerate(TEXTS):
        for cond_input, encoded in encode(text).items():
            given = expected[f"{cond_input}.{number}"]
            assert encoded.tokens.shape == given.shape
            assert float((encoded.tokens - given).norm() / given.norm()) < 1e-5
    path.unlink()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("settings", SETTINGS)
def test_it_writes_what_the_graph_saves(
    client: Client, server: Server, checkpoint: Path, captions: Path, tmp_path: Path, family: str, settings: str
) -> None:
    changes, options = SETTINGS[settings]
    graph = ModelGraph("CheckpointLoaderSimple", ckpt_name=checkpoint.name)
    erased = graph.iterate(
        concepts=graph.concepts("", **NUDITY), **{**read_defaults(client.object_info()["ReceIterate"]), **changes}
    )
    graph.add("CheckpointSave", model=erased[0], clip=graph.clip, vae=graph.vae, filename_prefix="by_graph")
    client.run(graph)
    client.free()

    out = tmp_path / "by_command.safetensors"
    files = ["--captions", captions, "--tokenizer", server.host.folder / IN_HOST]
    run_command("erase", checkpoint, out, "--kind", "nudity", "--as-typed", *options, *files)
    assert compare(checkpoint, server.output / SAVED, out) == CHANGED[family]
    out.unlink()


def run_command(*arguments: Any) -> str:
    command = [sys.executable, "-m", "rece_core", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def compare(before: Path, graph: Path, command: Path) -> int:
    """What was written is as near to what the graph saved as float16 can be; nothing else changed.

    Returns how many weights changed.
    """
    changed = 0
    with safe_open(before, "pt") as old, safe_open(graph, "pt") as saved, safe_open(command, "pt") as written:
        assert list(old.keys()) == list(written.keys())
        for name in set(saved.keys()) & set(written.keys()):
            original, expected, given = (file.get_tensor(name) for file in (old, saved, written))
            assert given.dtype == original.dtype == torch.float16
            if torch.equal(original, given):
                assert torch.equal(original.float(), expected.float()), name
                continue
            changed += 1
            away = (given.double() - expected.double()).norm()
            change = (given.double() - original.double()).norm()
            if expected.dtype == torch.float16:  # of a GPU, where the host keeps it so: both were rounded
                step = np.linalg.norm(np.spacing(given.numpy()).astype(np.float64))
                assert away < step, name
                assert change > 25 * step, "control: it changes"
            else:
                rounding = (expected.half().double() - expected.double()).norm()
                assert away < 1.25 * rounding, name
                assert change > 100 * rounding, "control: it changes"
    return changed
