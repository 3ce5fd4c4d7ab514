"""Erasures as files: `.safetensors`, with everything a reader should know in its metadata as JSON."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from . import __version__
from .concepts import Concept, Concepts
from .erase import EpochRecord
from .erasure import Erasure
from .operator import Operator
from .seal import Seal
from .settings import EditSettings, EraseSettings

ROTATION, SEAL = "rotation.", "seal."
SEAL_PARTS = ("write", "read", "level")
FORMAT = "rece-erasure"
FORMAT_VERSION = 1


def save_erasure(erasure: Erasure, path: Path) -> None:
    """Write `erasure` to `path`, whole or not at all: an older file of that name survives any failure.

    Raises OSError when the folder cannot be written.
    """
    write_atomically(path, save(_collect_tensors(erasure), metadata=_describe(erasure)))


def load_erasure(path: Path) -> Erasure:
    """Read an erasure. Raises ValueError for a file that is damaged, of another kind, or of a newer version."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            _check_format(metadata, path)
            # Copies, since what is mapped from a file keeps it open, and on Windows from being replaced.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(
            f"{path.name} is not a complete safetensors file ({error}). It may have been cut short while copying or "
            "downloading; get it again."
        ) from error
    try:
        return _restore(tensors, metadata)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path.name} calls itself an erasure, but its header is damaged ({type(error).__name__}: {error}). "
            "Save the erasure again."
        ) from error


def _collect_tensors(erasure: Erasure) -> dict[str, Tensor]:
    operator = erasure.operator.compressed()
    tensors = {"operator.left": operator.left, "operator.right": operator.right}
    tensors |= {f"{ROTATION}{name}": turn for name, turn in erasure.rotations.items()}
    for name, seal in erasure.seals.items():
        tensors |= {f"{SEAL}{name}.{part}": getattr(seal, part) for part in SEAL_PARTS}
    return {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}


def _restore_seals(tensors: Mapping[str, Tensor]) -> dict[str, Seal]:
    names = dict.fromkeys(key.removeprefix(SEAL).rpartition(".")[0] for key in tensors if key.startswith(SEAL))
    return {name: Seal(*(tensors[f"{SEAL}{name}.{part}"] for part in SEAL_PARTS)) for name in names}


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` under a temporary name beside `path`, flush it to disk, then rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _describe(erasure: Erasure) -> dict[str, str]:
    fields: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "concepts": asdict(replace(erasure.concepts, embeddings=())),  # what they were, M knows
        "settings": asdict(erasure.settings),
        "epochs": [_describe_record(record) for record in erasure.records],
        "text_encoder": erasure.encoder,
        "base_model": erasure.base,
        "note": erasure.note,
    }
    header = {name: json.dumps(value, ensure_ascii=False) for name, value in fields.items()}
    return {"format": FORMAT, "made_by": f"ComfyUI-RECE {__version__}", "erased": erasure.concepts.describe(), **header}


def _describe_record(record: EpochRecord) -> dict[str, float | str]:
    """Its fields; `nan` and `inf`, which JSON does not know, as text."""
    return {name: value if math.isfinite(value) else str(value) for name, value in asdict(record).items()}


def _restore_record(fields: dict[str, float | str]) -> EpochRecord:
    numbers: dict[str, Any] = {
        name: float(value) if isinstance(value, str) else value for name, value in fields.items()
    }
    return EpochRecord(**numbers)


def _check_format(metadata: dict[str, str], path: Path) -> None:
    if metadata.get("format") != FORMAT:
        raise ValueError(
            f"{path.name} is not an erasure: its header says format {metadata.get('format', 'nothing')!r}, expected "
            f"{FORMAT!r}. Choose a file that RECE Save Erasure wrote; load a LoRA with the LoRA loader."
        )
    version = metadata.get("format_version", "")
    if not version.isdecimal():
        raise ValueError(f"{path.name} has the version {version!r}; expected a whole number. Save the erasure again.")
    if int(version) > FORMAT_VERSION:
        raise ValueError(
            f"{path.name} has version {version} of the erasure format, this pack reads up to {FORMAT_VERSION}. "
            "Update ComfyUI-RECE."
        )


def _restore(tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> Erasure:
    fields = {name: json.loads(metadata[name]) for name in ("concepts", "settings", "epochs")}
    concepts, settings = fields["concepts"], fields["settings"]
    return Erasure(
        operator=Operator(tensors["operator.left"], tensors["operator.right"]),
        concepts=Concepts(
            concepts["kind"],
            tuple(Concept(tuple(each["names"]), tuple(each["anchors"])) for each in concepts["concepts"]),
            tuple(concepts["preserve"]),
            tuple(concepts["phrasings"]),
            tuple(concepts["captions"]),
        ),
        settings=EraseSettings(**{**settings, "edit": EditSettings(**settings["edit"])}),
        records=tuple(_restore_record(record) for record in fields["epochs"]),
        encoder=tuple(map(float, json.loads(metadata["text_encoder"]))),
        base=tuple(map(float, json.loads(metadata["base_model"]))),
        rotations={key.removeprefix(ROTATION): turn for key, turn in tensors.items() if key.startswith(ROTATION)},
        seals=_restore_seals(tensors),
        note=str(json.loads(metadata["note"])),
    )
