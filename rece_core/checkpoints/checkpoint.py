"""A single-file checkpoint as an erasure needs to know it; its weights are read from the file one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from ..erasing.changes import list_weight_changes, pick_columns
from ..erasing.erasure import Erasure
from ..models.foreign_formats import recognise_names
from ..models.text_entries import TextEntry, find_family
from ..models.text_model import TextModel
from ..models.weights import Weight
from ..progress import OnStep
from ..sharing.diffusers_names import name_as_host
from ..storage.tensor_file import TensorFile, open_tensor_file
from ..storage.tensor_rewrite import Change
from .copies import HOST, MODEL, Copies, find_copies
from .file_view import FileView, make_view
from .model_folder import find_words, list_others, measure_folder, open_folder

DIFFUSION_MODEL = MODEL + HOST


@dataclass(frozen=True)
class Checkpoint:
    """A file, and the diffusion model in it under the host's names, so that erasures fit both."""

    file: TensorFile
    model: TextModel

    @property
    def size(self) -> int:
        """How many bytes the file has."""
        return measure_folder(self.file.path) if self.file.path.is_dir() else self.file.path.stat().st_size

    @cached_property
    def copies(self) -> Copies:
        """What else in the file, or in the folder, repeats its text entries; see `find_copies`."""
        found = find_copies(self.file, self.model)
        if not isinstance(self.file, FileView) or not self.file.path.is_dir():
            return found
        others = list_others(self.file)
        return replace(found, unclear={**found.unclear, **others}, names=(*found.names, *others))

    @property
    def words(self) -> Path | None:
        """The folder of the text encoder's words that comes with it, where one does."""
        return find_words(self.file.path) if self.file.path.is_dir() else None


def open_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint at `path`: a file, a diffusion model by itself, or a folder of diffusers.

    Raises OSError where it can't be read, ValueError where it isn't one that is known.
    """
    file = open_model(path)
    inside = {
        name.removeprefix(MODEL): stored.shape
        for name, stored in file.tensors.items()
        if name.startswith(DIFFUSION_MODEL)
    }
    shapes = inside or file.shapes  # a diffusion model by itself has a family too, if no text encoder beside it
    try:
        family = find_family(shapes)
    except ValueError as error:
        foreign = recognise_names(file.types)
        raise ValueError(f"{path.name}: {foreign.refuse('this model') if foreign else error}") from error

    types = file.types
    for entry in family.entries:
        _refuse_foreign(path, types, MODEL + entry.name if inside else entry.name)
    for entry in family.entries if inside else ():
        file.dtype_of(MODEL + entry.name)  # weights that can't be read are told at once

    def read(entries: Sequence[TextEntry], on_step: OnStep) -> Iterator[Weight]:
        for entry in entries:
            on_step(f"read {entry.name.removeprefix('diffusion_model.')}")
            yield read_entry(file, entry)

    return Checkpoint(file, TextModel(family, shapes, read))


def open_model(path: Path) -> TensorFile:
    """The file or the folder at `path`, by the names of checkpoints where it holds a diffusion model by itself.

    Raises as `open_tensor_file` and `open_folder` do.
    """
    if path.is_dir():
        return open_folder(path)
    file = open_tensor_file(path)
    if any(name.startswith(DIFFUSION_MODEL) for name in file.tensors):
        return file
    named = name_as_host(file.tensors) or {name: HOST + name.removeprefix(HOST) for name in file.tensors}
    try:
        find_family({host: file.tensors[name].shape for name, host in named.items()})
    except ValueError:
        return file
    return make_view(path, {MODEL + host: (file, name) for name, host in named.items()})


def _refuse_foreign(path: Path, types: Mapping[str, str], name: str) -> None:
    """ValueError where the weight `name` is stored in a format of other programs, by what lies beside it."""
    layer = name.removesuffix("weight")
    foreign = recognise_names({each: dtype for each, dtype in types.items() if each.startswith(layer)})
    if foreign:
        raise ValueError(f"{path.name}: {foreign.refuse(name)}")


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
