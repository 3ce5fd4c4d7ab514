"""Saves of every kind, to be ended at any moment: what lies there before, what is done, what must lie there then."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from rece_core.benchmarks.prompt_list import Case, read_prompt_list
from rece_core.benchmarks.results_table import add_row, make_row, read_table
from rece_core.checkpoints.checkpoint import open_checkpoint
from rece_core.command_line.files import finish, finish_erase
from rece_core.command_line.options import make_parser
from rece_core.erasing.erasure import Erasure
from rece_core.models.text_model import TextModel
from rece_core.sharing.erasure_file import load_erasure, save_erasure
from rece_core.sharing.lora_file import describe_header, make_lora
from rece_core.storage.atomic_file import write_numbered
from rece_core.storage.checksum import PLACEHOLDER, check_file, fill_checksum
from rece_core.storage.tensor_file import open_tensor_file
from rece_core.texts.prior import Prior
from rece_core.texts.prior_file import read_prior, write_prior

from .documents import Document
from .model import WIDTH, draw, make_erasure, make_model
from .samples import make_unet

Do = Callable[[Path], object]


@dataclass(frozen=True)
class Scene:
    """A save in a folder.

    prepare: what lies there before. save: what is tried; done again, it does the same again. numbered: each time under
    a new number, so that nothing of before is replaced.
    """

    name: str
    prepare: Do
    save: Do
    numbered: bool = False


def read_state(folder: Path) -> dict[str, str]:
    """What each file in `folder` holds, as a digest by name; ValueError or OSError where one is not whole."""
    files = [
        path for path in sorted(folder.rglob("*")) if path.is_file() and not is_temporary(path.relative_to(folder))
    ]
    return {str(path.relative_to(folder)): _read_file(path) for path in files}


def list_temporary(folder: Path) -> list[str]:
    """What lies in `folder` under names of things that are not ready."""
    paths = (path.relative_to(folder) for path in folder.rglob("*"))
    return sorted(str(path) for path in paths if is_temporary(path))


def is_temporary(path: Path) -> bool:
    """Whether a name, or that of a folder around it, says that it is not ready."""
    return any(part.endswith((".partial", ".lock")) for part in path.parts)


def _read_file(path: Path) -> str:
    if path.suffix == ".csv":
        rows = read_table(path)
        assert len(read_prompt_list(path)) == len(rows), "a row comes twice"
        return hashlib.sha256(path.read_bytes()).hexdigest()
    if path.suffix != ".safetensors" or path.name.startswith("input"):
        return hashlib.sha256(path.read_bytes()).hexdigest()
    file = open_tensor_file(path)
    assert check_file(path), f"{path.name} has no checksum"
    if path.name.startswith("erasure"):
        load_erasure(path)
    if path.name.startswith("prior"):
        read_prior(path, WIDTH)
    told = {name: text for name, text in file.metadata.items() if name not in PLACEHOLDER}
    digest = hashlib.sha256(json.dumps([sorted(told.items()), sorted(file.shapes.items())]).encode())
    with open(path, "rb") as content:
        for _, stored in sorted(file.tensors.items()):
            content.seek(stored.start)
            digest.update(content.read(stored.stop - stored.start))
    return digest.hexdigest()


@cache
def _make_erasure(mode: str) -> Erasure:
    settings: dict[str, Any] = {"seal": 0.9} if mode == "prior" else {}
    return make_erasure(make_model(), mode, **settings)


def _save_erasure(mode: str, name: str = "erasure.safetensors") -> Do:
    return lambda folder: save_erasure(_make_erasure(mode), folder / name)


def _link(folder: Path) -> None:
    (folder / "far").mkdir()
    _save_erasure("paper", "far/erasure.safetensors")(folder)
    (folder / "link.safetensors").symlink_to(folder / "far" / "erasure.safetensors")


def _save_through_link(folder: Path) -> None:
    assert (folder / "link.safetensors").is_symlink()
    _save_erasure("prior", "link.safetensors")(folder)
    assert (folder / "link.safetensors").is_symlink(), "the link was replaced"


def number_files(folder: Path, stem: str) -> Path:
    """The first name that no file has, as the host counts."""
    taken = {path.name for path in folder.iterdir()}
    return folder / next(
        name for number in range(1, 10**6) if (name := f"{stem}_{number:05}_.safetensors") not in taken
    )


def _save_lora(folder: Path) -> None:
    """As RECE Save Erasure does."""
    write_numbered(lambda: number_files(folder, "lora"), _pack_lora())


@cache
def _pack_lora() -> bytes:
    erasure, model = _make_erasure("paper"), make_model()
    lora = make_lora(erasure, model, lambda name: torch.ones(model.shapes[name]))
    return fill_checksum(save(dict(lora.tensors), metadata={**describe_header(lora, erasure), **PLACEHOLDER}))


def add_case(folder: Path, number: int) -> None:
    """Add a row to the table."""
    case = Case(number, 'a "cat",\nsitting', 7, 7.5, 64, 64)
    add_row(folder / "table.csv", make_row(case, {"FACE": number, "FEET": 0}, [f"{number}.png"]))


def _fill_table(folder: Path) -> None:
    for number in range(3):
        add_case(folder, number)


def _write_prior(scale: float) -> Do:
    rows = scale * draw(1, 9, WIDTH)
    return lambda folder: write_prior(Prior(rows.T @ rows / 9, rows.mean(0)), folder / "prior.safetensors")


def _prepare_command(folder: Path) -> None:
    """A checkpoint, an erasure of it, and files to be replaced."""
    Document({"format": "pt"}, make_unet(768)).build().write(folder / "input.safetensors")
    _write_erased(folder, share=0.5)


def _write_erased(folder: Path, share: float = 1.0) -> None:
    """What `erase` does once it knows the erasure; before that it writes nothing."""
    files = [str(folder / f"{name}.safetensors") for name in ("input", "output", "erasure")]
    options = make_parser().parse_args(["erase", *files[:2], "--target", "a", "--save-erasure", files[2]])
    checkpoint = open_checkpoint(options.input)
    finish_erase(options, checkpoint, _make_erasure_of(checkpoint.model, share))


def _write_applied(folder: Path) -> None:
    """What `apply` does once it has read everything; before that it writes nothing."""
    files = [str(folder / f"{name}.safetensors") for name in ("erasure", "input", "output")]
    options = make_parser().parse_args(["apply", *files])
    finish(options, open_checkpoint(options.input), load_erasure(options.erasure), 0.7)


def _make_erasure_of(model: TextModel, share: float) -> Erasure:
    return replace(make_erasure(model, "paper"), left_alone={"pooled": f"{share}"})


ALL = (
    Scene("erasure", _save_erasure("paper"), _save_erasure("prior")),
    Scene("erasure, through a link", _link, _save_through_link),
    Scene("LoRA", _save_lora, _save_lora, numbered=True),
    Scene("results table", _fill_table, lambda folder: add_case(folder, 7)),
    Scene("prior cache", _write_prior(1.0), _write_prior(2.0)),
    Scene("`erase`", _prepare_command, _write_erased),
    Scene("`apply`", _prepare_command, _write_applied),
)
SCENES: Mapping[str, Scene] = {scene.name: scene for scene in ALL}
QUICK = ("erasure, through a link", "results table")
