"""Copies of the diffusion model that a checkpoint carries beside it, such as the moving average of its training.

A copy that stays as it was is the original model inside an erased file. It is known by its names: those of the model
behind another start, with their dots, or without, as LDM's `LitEma` writes them (`model_ema.diffusion_modelinput_…`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import prod

from torch import Tensor

from ..models.text_entries import TextEntry, find_output
from ..models.weights import VALUE_ROLES
from ..storage.tensor_file import FLOATS
from .checkpoint import DIFFUSION_MODEL, MODEL, Checkpoint, read_wide

HOST = "diffusion_model."  # what the host's names of a diffusion model begin with
ALIKE = 0.5  # ‖copy − W‖ / ‖W‖: an average or a storage type makes a tenth at most, two unrelated weights are 1.4 apart
WAY_OUT = "Load the checkpoint in ComfyUI and save it with Save Checkpoint, which leaves out what it does not know."


@dataclass(frozen=True)
class ModelCopy:
    """A copy, in whole or in part: what its names in the file begin with, and these by the host's names of the model's
    weights; `entries` are those of the text entries among them.
    """

    start: str
    names: Mapping[str, str]
    entries: tuple[TextEntry, ...]

    def describe(self) -> str:
        """In a few words: `ema_model.…: 16 text entries`."""
        return f"{self.start}…: {len(self.entries)} text entries"


def find_copies(checkpoint: Checkpoint) -> tuple[ModelCopy, ...]:
    """The copies of the text entries in a checkpoint, with all that belongs to the same copies of the model.

    Raises ValueError for what can't be told apart: a tensor that is named like a copy and has another shape, one that
    holds the numbers of a text entry under an unknown name, names that stand for two weights. Reads one such tensor and
    one text entry at a time, none where no tensor is as large as a text entry.
    """
    tensors = checkpoint.file.tensors
    others = [name for name in tensors if not name.startswith(DIFFUSION_MODEL)]
    if len(others) == len(tensors):
        return ()  # a diffusion model by itself, under the names of no checkpoint
    starts = dict.fromkeys(_find_starts(checkpoint.model.family.entries, others))
    copies = tuple(_collect(checkpoint, start, others) for start in starts)
    known = {MODEL + entry.name for entry in checkpoint.model.family.entries}
    _check_strangers(checkpoint, known.union(*(copy.names.values() for copy in copies)))
    return copies


def check_erasable(checkpoint: Checkpoint, copies: Sequence[ModelCopy]) -> None:
    """ValueError unless `copies` can be erased like the model: their numbers are plain, what belongs together is there."""
    shapes = checkpoint.model.shapes
    for copy in copies:
        for entry in copy.entries:
            for name in _list_edited(entry, shapes):
                if name not in copy.names:
                    raise ValueError(
                        f"{checkpoint.file.path.name} holds a copy of {entry.name}, {copy.names[entry.name]}, but none "
                        f"of {name}, which value erasure changes with it. Leave copies out by --copies drop."
                    )
                checkpoint.file.dtype_of(copy.names[name])
                _check_shape(checkpoint, name, copy.names[name])


def _find_starts(entries: Iterable[TextEntry], others: Iterable[str]) -> Iterator[str]:
    """What is before the name of a text entry in each of the `others` that ends with one."""
    plain = {_strip(entry.name) for entry in entries}
    lengths = sorted(set(map(len, plain)), reverse=True)
    for name in others:
        dotless = name.replace(".", "")
        length = next((length for length in lengths if dotless[-length:] in plain), None)
        if length is not None:
            yield _cut(name, length)


def _collect(checkpoint: Checkpoint, start: str, others: Iterable[str]) -> ModelCopy:
    """The copy whose names begin with `start`."""
    hosts: dict[str, str] = {}
    for host in checkpoint.model.shapes:
        _add(hosts, _strip(host), host, checkpoint)
    names: dict[str, str] = {}
    for name in others:
        host = hosts.get(name.removeprefix(start).replace(".", "")) if name.startswith(start) else None
        if host is not None:
            _add(names, host, name, checkpoint)
    entries = tuple(entry for entry in checkpoint.model.family.entries if entry.name in names)
    for entry in entries:
        _check_shape(checkpoint, entry.name, names[entry.name])
    return ModelCopy(start, names, entries)


def _add(names: dict[str, str], key: str, name: str, checkpoint: Checkpoint) -> None:
    if names.setdefault(key, name) != name:
        raise ValueError(
            f"{checkpoint.file.path.name} holds a copy of the model whose names stand for two weights: {names[key]} "
            f"and {name} are the same without dots. {WAY_OUT}"
        )


def _check_shape(checkpoint: Checkpoint, host: str, name: str) -> None:
    found, expected = checkpoint.file.tensors[name].shape, checkpoint.model.shapes[host]
    if found != expected:
        raise ValueError(
            f"{name} in {checkpoint.file.path.name} is named like a copy of {host}, but has the shape {found}; expected "
            f"{expected}. It may belong to another model. {WAY_OUT}"
        )


def _check_strangers(checkpoint: Checkpoint, known: Collection[str]) -> None:
    """ValueError where a tensor that is none of the `known` holds the numbers of a text entry."""
    file = checkpoint.file
    strangers = [name for name, stored in file.tensors.items() if name not in known and stored.dtype in FLOATS]
    for entry in checkpoint.model.family.entries:
        count = prod(checkpoint.model.shapes[entry.name])
        large = [name for name in strangers if prod(file.tensors[name].shape) == count]
        if large:
            weight = read_wide(file, MODEL + entry.name)
            for name in large:
                if _is_alike(read_wide(file, name).flatten(), weight):
                    raise ValueError(
                        f"{name} in {file.path.name} holds the numbers of {MODEL}{entry.name}, which reads the text, "
                        f"under a name that is not known, so it would stay as it is. {WAY_OUT}"
                    )


def _is_alike(numbers: Tensor, weight: Tensor) -> bool:
    """Whether `numbers` (all in a row) are about those of `weight`, also transposed."""
    most = ALIKE * weight.norm()
    return any(bool((numbers - each.flatten()).norm() < most) for each in (weight, weight.T))


def _list_edited(entry: TextEntry, shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    """The weights that an erasure may change or read with `entry`, by the host's names."""
    names = [entry.name]
    if entry.role in VALUE_ROLES:
        with suppress(ValueError):  # a model that value erasure refuses
            names += filter(None, find_output(entry, shapes))
    return names


def _strip(host: str) -> str:
    return host.removeprefix(HOST).replace(".", "")


def _cut(name: str, letters: int) -> str:
    """`name` without its last `letters`, dots not counted."""
    end = len(name)
    while letters:
        end -= 1
        letters -= name[end] != "."
    return name[:end]
