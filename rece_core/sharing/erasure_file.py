"""Erasures as files: `.safetensors`, with everything a reader should know in its metadata as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..algebra.operator import Operator
from ..erasing.erase import EpochRecord
from ..erasing.erasure import Erasure, Part
from ..erasing.settings import EditSettings, EraseSettings
from ..erasing.value_eraser import ValueEraser
from ..storage.atomic_file import write_atomically
from ..texts.concepts import Concept, Concepts
from .provenance import describe_provenance

ORTHOGONAL_MAP, ERASER = "rotation.", "seal."  # names of the first files, which later ones keep
OF_INPUT = "/"  # between the conditioning input and what it is of, in the names of tensors
ERASER_PARTS = {"write": "project_left", "read": "project_right", "level": "target"}
FORMAT = "rece-erasure"
FORMAT_VERSION = 2


def save_erasure(erasure: Erasure, path: Path) -> None:
    """Write `erasure` to `path`, whole or not at all: an older file of that name survives any failure.

    Raises OSError when the folder cannot be written.
    """
    metadata = {"format": FORMAT, "format_version": str(FORMAT_VERSION), **describe_provenance(erasure)}
    write_atomically(path, save(_collect_tensors(erasure), metadata=metadata))


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
    tensors: dict[str, Tensor] = {}
    for cond_input, part in erasure.parts.items():
        operator = part.operator.compressed()
        named = {"operator.left": operator.left, "operator.right": operator.right}
        named |= {f"{ORTHOGONAL_MAP}{name}": turn for name, turn in part.orthogonal_maps.items()}
        for name, eraser in part.value_erasers.items():
            named |= {f"{ERASER}{name}.{stored}": getattr(eraser, side) for stored, side in ERASER_PARTS.items()}
        tensors |= {f"{cond_input}{OF_INPUT}{name}": tensor.cpu().contiguous() for name, tensor in named.items()}
    return tensors


def _restore_erasers(tensors: Mapping[str, Tensor]) -> dict[str, ValueEraser]:
    names = dict.fromkeys(key.removeprefix(ERASER).rpartition(".")[0] for key in tensors if key.startswith(ERASER))
    return {name: ValueEraser(*(tensors[f"{ERASER}{name}.{stored}"] for stored in ERASER_PARTS)) for name in names}


def _restore_record(fields: dict[str, float | str | None]) -> EpochRecord:
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
    concepts = json.loads(metadata["concepts"])
    parts = {}
    for cond_input, fields in json.loads(metadata["parts"]).items():
        start = f"{cond_input}{OF_INPUT}"
        own = {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
        parts[cond_input] = _restore_part(own, fields)
    return Erasure(
        parts=parts,
        concepts=Concepts(
            concepts["kind"],
            tuple(Concept(tuple(each["names"]), tuple(each["anchors"])) for each in concepts["concepts"]),
            tuple(concepts["preserve"]),
            tuple(concepts["phrasings"]),
            tuple(concepts["captions"]),
        ),
        encoder={name: tuple(map(float, each)) for name, each in json.loads(metadata["text_encoder"]).items()},
        family=metadata["made_on"],
        left_alone={name: str(reason) for name, reason in json.loads(metadata["left_alone"]).items()},
        text_weights=str(json.loads(metadata["text_weights"])),
    )


def _restore_part(tensors: Mapping[str, Tensor], fields: dict[str, Any]) -> Part:
    settings = fields["settings"]
    return Part(
        operator=Operator(tensors["operator.left"], tensors["operator.right"]),
        settings=EraseSettings(**{**settings, "edit": EditSettings(**settings["edit"])}),
        records=tuple(_restore_record(record) for record in fields["epochs"]),
        base=tuple(map(float, fields["base_model"])),
        orthogonal_maps={
            key.removeprefix(ORTHOGONAL_MAP): turn for key, turn in tensors.items() if key.startswith(ORTHOGONAL_MAP)
        },
        value_erasers=_restore_erasers(tensors),
        note=str(fields["note"]),
    )
