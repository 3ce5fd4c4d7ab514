"""The command line beside the host: its text encoders give the same, and it writes what the graph saves."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from harness.client import Client
from harness.environment import ROOT
from harness.server import Server
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


def make_checkpoint(server: Server, family: str, path: Path) -> Path:
    script, *kind = MAKERS[family]
    subprocess.run([server.host.python, HERE / script, server.host.folder, *kind, path], check=True)
    return path


@pytest.fixture
def checkpoint(server: Server) -> Iterator[Path]:
    """A full-size SD 1.x of random weights among the models of `server`, with captions in its input folder."""
    path = make_checkpoint(server, "SD 1.x", server.base / "models" / "checkpoints" / "random.safetensors")
    captions = server.base / "input" / CAPTIONS
    captions.write_text("a house by the sea\na bowl of fruit\npeople in a park\n", "utf-8")
    yield path
    for each in (path, captions, server.output / SAVED):
        each.unlink(missing_ok=True)
    with Client(server.url) as client:
        client.free()


@pytest.mark.parametrize(
    "family", [pytest.param(each, marks=pytest.mark.slow if each != "SD 1.x" else ()) for each in MAKERS]
)
def test_the_text_encoders_give_what_the_host_gives(server: Server, tmp_path: Path, family: str) -> None:
    path = make_checkpoint(server, family, tmp_path / "random.safetensors")
    script = [server.host.python, HERE / "encode_by_host.py", server.host.folder]
    subprocess.run([*script, path, tmp_path / "texts.safetensors", *TEXTS], check=True)
    expected, file = load_file(tmp_path / "texts.safetensors"), open_tensor_file(path)
    encode = CheckpointTexts(file, find_encoders(file, family), load_tokenizer(server.host.folder / IN_HOST))
    for number, text in enumerate(TEXTS):
        for stream, encoded in encode(text).items():
            given = expected[f"{stream}.{number}"]
            assert encoded.tokens.shape == given.shape
            assert float((encoded.tokens - given).norm() / given.norm()) < 1e-5
    path.unlink()


def test_it_writes_what_the_graph_saves(client: Client, server: Server, checkpoint: Path, tmp_path: Path) -> None:
    graph = ModelGraph("CheckpointLoaderSimple", ckpt_name=checkpoint.name)
    settings = {"mode": "prior", "seal": 1.0, "epochs": 1, "edit_ridge": 10.0}
    erased = graph.iterate(concepts=graph.concepts("", **NUDITY), **settings)
    graph.add("CheckpointSave", model=erased[0], clip=graph.clip, vae=graph.vae, filename_prefix="by_graph")
    client.run(graph)
    client.free()

    out = tmp_path / "by_command.safetensors"
    options = ["--kind", "nudity", "--as-typed", "--schedule", "manual", "--iteration", "paper"]
    options += ["--epochs", 1, "--edit-ridge", 10]
    files = ["--captions", server.base / "input" / CAPTIONS, "--tokenizer", server.host.folder / IN_HOST]
    run_command("erase", checkpoint, out, *options, *files)
    compare(checkpoint, server.output / SAVED, out)


def run_command(*arguments: Any) -> str:
    command = [sys.executable, "-m", "rece_core", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def compare(before: Path, graph: Path, command: Path) -> None:
    """What was written is as near to what the graph saved, in float32, as float16 can be; nothing else changed."""
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
            rounding = (expected.half().double() - expected.double()).norm()
            assert (given.double() - expected.double()).norm() < 1.25 * rounding, name
            assert (given.double() - original.double()).norm() > 100 * rounding, "control: it changes"
    assert changed == 48  # 16 keys, 16 values, 16 biases behind them
