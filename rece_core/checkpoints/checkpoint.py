"""A single-file checkpoint as an erasure needs to know it; its weights are read from the file one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from ..erasing.changes import list_weight_changes, pick_columns
from ..erasing.erasure import Erasure
from ..models.text_entries import TextEntry, find_family
from ..models.text_model import TextModel
from ..models.weights import Weight
from ..progress import OnStep
from ..storage.tensor_file import TensorFile, open_tensor_file
from ..storage.tensor_rewrite import Change
from .copies import HOST, MODEL, Copies, find_copies

DIFFUSION_MODEL = MODEL + HOST


@dataclass(frozen=True)
class Checkpoint:
    """A file, and the diffusion model in it under the host's names, so that erasures fit both."""

    file: TensorFile
    model: TextModel

    @property
    def size(self) -> int:
        """How many bytes the file has."""
        return self.file.path.stat().st_size

    @cached_property
    def copies(self) -> Copies:
        """What else in the file repeats its text entries; see `find_copies`."""
        return find_copies(self.file, self.model)


def open_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint at `path`. Raises OSError where it can't be read, ValueError where it isn't one that is known."""
    file = open_tensor_file(path)
    inside = {
        name.removeprefix(MODEL): stored.shape
        for name, stored in file.tensors.items()
        if name.startswith(DIFFUSION_MODEL)
    }
    shapes = inside or file.shapes  # a diffusion model by itself has a family too, if no text encoder beside it
    try:
        family = find_family(shapes)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error

    for entry in family.entries if inside else ():
        file.dtype_of(MODEL + entry.name)  # weights that can't be read are told at once

    def read(entries: Sequence[TextEntry], on_step: OnStep) -> Iterator[Weight]:
        for entry in entries:
            on_step(f"read {entry.name.removeprefix('diffusion_model.')}")
            yield read_entry(file, entry)

    return Checkpoint(file, TextModel(family, shapes, read))


def read_entry(file: TensorFile, entry: TextEntry) -> Weight:
    """One text entry as it is stored, in float32 (float64 where it is), only the columns that read the text."""
    return Weight(entry.name, entry.role, pick_columns(_read_wide(file, MODEL + entry.name), entry), entry.cond_input)


def _read_wide(file: TensorFile, name: str) -> Tensor:
    """The tensor `name` in float32, or in float64 where it is stored so."""
    stored = file.read(name)
    return stored if stored.dtype == torch.float64 else stored.float()


def list_changes(
    checkpoint: Checkpoint, erasure: Erasure, strength: float = 1.0, copy: Mapping[str, str] | None = None
) -> dict[str, Change]:
    """What `erasure` makes of the weights of `checkpoint`, by their names in the file; each is read when asked for.

    Of the model's own; see `list_copied_changes` for the copies of them. A change gives the whole new weight in
    float32, not yet rounded to the type it is stored in. strength: 1 for all of the erasure, 0 for nothing of it.
    """
    return _list_changes(checkpoint, erasure, strength, {name: MODEL + name for name in checkpoint.model.shapes})


def list_copied_changes(checkpoint: Checkpoint, erasure: Erasure, strength: float = 1.0) -> dict[str, Change]:
    """The same of the copies that the file has of those weights: each of its own numbers."""
    return {
        name: change
        for names in checkpoint.copies.known.values()
        for name, change in _list_changes(checkpoint, erasure, strength, names).items()
    }


def _list_changes(
    checkpoint: Checkpoint, erasure: Erasure, strength: float, names: Mapping[str, str]
) -> dict[str, Change]:
    """Changes of the weights that `names` has a name in the file for, by the model's names."""
    changes = list_weight_changes(
        checkpoint.model, erasure, lambda name: _read_wide(checkpoint.file, names[name]), strength, names
    )
    return {names[name]: change for name, change in changes.items()}
