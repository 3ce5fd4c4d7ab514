"""A single-file checkpoint as an erasure needs to know it; its weights are read from the file one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from ..erasing.erasure import Erasure, Part
from ..models.foreign_formats import recognise_names
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


def _refuse_foreign(path: Path, types: Mapping[str, str], name: str) -> None:
    """ValueError where the weight `name` is stored in a format of other programs, by what lies beside it."""
    layer = name.removesuffix("weight")
    foreign = recognise_names({each: dtype for each, dtype in types.items() if each.startswith(layer)})
    if foreign:
        raise ValueError(f"{path.name}: {foreign.refuse(name)}")


def read_entry(file: TensorFile, entry: TextEntry) -> Weight:
    """One text entry as it is stored, in float32 (float64 where it is), only the columns that read the text."""
    return Weight(entry.name, entry.role, _pick(_read_wide(file, MODEL + entry.name), entry), entry.cond_input)


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
    file, model = checkpoint.file, checkpoint.model

    def read(name: str) -> Tensor:
        return _read_wide(file, names[name])

    edits: dict[str, list[tuple[TextEntry, Part]]] = {}
    biases: dict[str, Tensor] = {}
    for cond_input, part in erasure.parts.items():
        entries = [entry for entry in model.cond_inputs[cond_input] if entry.name in names]
        for entry in entries:
            edits.setdefault(entry.name, []).append((entry, part))
        added_by = part.bias_changes(entries, model.shapes, read)
        for name, added in added_by.items():
            biases[name] = strength * added + biases.get(name, 0.0)
    changes = {names[name]: _edit_later(file, names[name], parts, strength) for name, parts in edits.items()}
    return changes | {names[name]: _add_later(file, names[name], added) for name, added in biases.items()}


def _edit_later(file: TensorFile, name: str, edits: Sequence[tuple[TextEntry, Part]], strength: float) -> Change:
    def edit() -> Tensor:
        stored = _read_wide(file, name)
        edited = stored.clone()
        for entry, part in edits:
            own = _pick(stored, entry)
            change = part.change_of(Weight(entry.name, entry.role, own, entry.cond_input))
            _pick(edited, entry).add_(change, alpha=strength)
        return edited

    return edit


def _add_later(file: TensorFile, name: str, added: Tensor) -> Change:
    return lambda: _read_wide(file, name) + added


def _pick(matrix: Tensor, entry: TextEntry) -> Tensor:
    """The columns of a stored weight that `entry` reads its conditioning input by: a view."""
    return matrix[:, slice(*entry.columns or (None,))]
