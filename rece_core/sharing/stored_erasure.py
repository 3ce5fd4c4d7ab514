"""What an erasure file holds, read as its header says, each field and shape checked before anything is built of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..algebra.operator import Operator
from ..erasing.erase import EpochRecord
from ..erasing.erasure import Erasure, Part
from ..erasing.settings import EditSettings, EraseSettings
from ..erasing.value_eraser import ValueEraser
from ..models.fingerprint import LENGTH, Fingerprint
from ..models.text_entries import INPUT_NAME
from ..storage.json_text import is_whole, parse_json
from ..storage.tensor_file import TensorFile
from ..texts.concepts import Concept, Concepts
from ..texts.wording import quote

ORTHOGONAL_MAP, ERASER = "rotation.", "seal."  # names of the first files, which later ones keep
OF_INPUT = "/"  # between the conditioning input and what it is of, in the names of tensors
ERASER_PARTS = {"write": "project_left", "read": "project_right", "level": "target"}
MOST_EPOCHS, MOST_LETTERS, MOST_IN_NAME = 10_000, 1_000_000, 100

Names = Mapping[str, str]  # of the tensors of one conditioning input: as they are named within it, and in the file


def restore_erasure(file: TensorFile) -> Erasure:
    """The erasure in `file`, which calls itself one.

    Raises KeyError for what is missing, AttributeError, TypeError, ValueError or OverflowError for fields of another
    kind, and ValueError for tensors of other shapes than they must have.
    """
    metadata = file.metadata
    concepts = parse_json(metadata["concepts"])
    named: dict[str, dict[str, str]] = {}
    for name in file.tensors:
        cond_input, _, own = name.partition(OF_INPUT)
        named.setdefault(cond_input, {})[own] = name
    parts = parse_json(metadata["parts"])
    if not parts:
        raise ValueError("it has no conditioning input; expected at least one.")
    return Erasure(
        parts={
            _read_name(cond_input): _restore_part(file, named.get(cond_input, {}), fields)
            for cond_input, fields in parts.items()
        },
        concepts=Concepts(
            _read_text(concepts["kind"]),
            tuple(
                Concept(_read_texts(each["names"], 1), _read_texts(each["anchors"], 1)) for each in concepts["concepts"]
            ),
            _read_texts(concepts["preserve"]),
            _read_texts(concepts["phrasings"]),
            _read_texts(concepts["captions"]),
        ),
        encoder={
            _read_name(name): _read_fingerprint(each) for name, each in parse_json(metadata["text_encoder"]).items()
        },
        family=_read_text(metadata["made_on"], MOST_IN_NAME),
        left_alone={
            _read_name(name): _read_text(reason) for name, reason in parse_json(metadata["left_alone"]).items()
        },
        text_weights=_read_text(parse_json(metadata["text_weights"])),
    )


def _restore_part(file: TensorFile, names: Names, fields: dict[str, Any]) -> Part:
    settings = fields["settings"]
    return Part(
        operator=_restore_operator(file, names),
        settings=_restore_settings(settings),
        records=_restore_records(fields["epochs"]),
        base=_read_fingerprint(fields["base_model"]),
        orthogonal_maps={
            key.removeprefix(ORTHOGONAL_MAP): _restore_map(file, name)
            for key, name in names.items()
            if key.startswith(ORTHOGONAL_MAP)
        },
        value_erasers=_restore_erasers(file, names),
        note=_read_text(fields["note"]),
    )


def _restore_settings(fields: dict[str, Any]) -> EraseSettings:
    settings = EraseSettings(**{**fields, "edit": EditSettings(**fields["edit"])})
    if not isinstance(settings.epochs, int):
        raise TypeError(f"the number of epochs is {settings.epochs!r}; expected a whole number.")
    return settings


def _restore_records(records: Any) -> tuple[EpochRecord, ...]:
    if not 0 < len(records) <= MOST_EPOCHS:
        raise ValueError(
            f"there are {len(records):,} epochs; expected at least the first edit, at most {MOST_EPOCHS:,}."
        )
    return tuple(_restore_record(record) for record in records)


def _restore_record(fields: dict[str, Any]) -> EpochRecord:
    """`nan` and `inf`, which JSON does not know, are texts."""
    numbers = {name: None if value is None else float(value) for name, value in fields.items()}
    record = EpochRecord(**numbers)  # type: ignore[arg-type] # checked below
    if any(value is None for name, value in numbers.items() if name != "condition"):
        raise TypeError(f"an epoch has {fields}; expected a number for all but its condition.")
    whole = {name: int(float(getattr(record, name))) for name in ("epoch", "rank")}
    return EpochRecord(**{**vars(record), **whole})


def _restore_operator(file: TensorFile, names: Names) -> Operator:
    left, right = (names[f"operator.{side}"] for side in ("left", "right"))
    shapes = [file.tensors[name].shape for name in (left, right)]
    types = {file.tensors[name].dtype for name in (left, right)}
    if shapes[0] != shapes[1] or len(shapes[0]) != 2:
        raise ValueError(f"operator factors have shapes {shapes[0]} and {shapes[1]}; expected two equal (width, rank).")
    if types != {"F64"}:
        raise ValueError(f"operator factors are stored as {', '.join(sorted(types))}; expected F64, float64.")
    return Operator(file.read(left), file.read(right))


def _restore_map(file: TensorFile, name: str) -> Tensor:
    shape = file.tensors[name].shape
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(f"the orthogonal map {name} has the shape {shape}; expected a square one.")
    return _read_finite(file, name)


def _restore_erasers(file: TensorFile, names: Names) -> dict[str, ValueEraser]:
    layers = dict.fromkeys(key.removeprefix(ERASER).rpartition(".")[0] for key in names if key.startswith(ERASER))
    return {layer: _restore_eraser(file, names, layer) for layer in layers}


def _restore_eraser(file: TensorFile, names: Names, layer: str) -> ValueEraser:
    stored = {side: names[f"{ERASER}{layer}.{part}"] for part, side in ERASER_PARTS.items()}
    left, right, target = (file.tensors[stored[side]].shape for side in ("project_left", "project_right", "target"))
    if len(left) != 2 or right != left or target != left[1:]:
        raise ValueError(
            f"the value eraser of {layer} has shapes {left}, {right} and {target}; expected two equal (rows, count) "
            "and (count,)."
        )
    return ValueEraser(**{side: _read_finite(file, name) for side, name in stored.items()})


def _read_finite(file: TensorFile, name: str) -> Tensor:
    if file.tensors[name].dtype not in ("F32", "F64"):
        raise ValueError(f"{name} is stored as {file.tensors[name].dtype}; expected F32 or F64.")
    tensor = file.read(name)
    if not torch.isfinite(tensor).all():
        raise ValueError(f"{name} holds NaN or infinite numbers; expected finite ones.")
    return tensor


def _read_name(value: str) -> str:
    """Of a conditioning input."""
    if not INPUT_NAME.fullmatch(value) or len(value) > MOST_IN_NAME:
        raise ValueError(f"a conditioning input is named {quote(value)}; expected one word, such as tokens or pooled.")
    return value


def _read_text(value: Any, most: int = MOST_LETTERS) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:60]!r} is there; expected a text.")
    if len(value) > most:
        raise ValueError(f"a text has {len(value):,} letters, {quote(value)}; expected at most {most:,}.")
    assert is_whole(value)
    return value


def _read_texts(value: Any, least: int = 0) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) < least:
        raise TypeError(f"{str(value)[:60]!r} is there; expected a list of texts{', at least one' if least else ''}.")
    return tuple(_read_text(each) for each in value)


def _read_fingerprint(value: Any) -> Fingerprint:
    numbers = [each for each in value if isinstance(each, (int, float))]
    if len(numbers) != LENGTH or len(value) != LENGTH or not all(map(math.isfinite, numbers)):
        raise TypeError(f"{str(value)[:60]} is there; expected a fingerprint, {LENGTH} finite numbers.")
    return tuple(map(float, numbers))
