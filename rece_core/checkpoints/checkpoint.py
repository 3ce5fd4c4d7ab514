"""A single-file checkpoint as an erasure needs to know it; its weights are read from the file one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..erasing.erasure import Erasure, Part
from ..models.text_entries import TextEntry, find_family
from ..models.text_model import OnStep, TextModel
from ..models.weights import Weight
from ..storage.tensor_file import TensorFile, open_tensor_file
from ..storage.tensor_rewrite import Change

MODEL = "model."  # what names in checkpoints have before the host's names
DIFFUSION_MODEL = f"{MODEL}diffusion_model."


@dataclass(frozen=True)
class Checkpoint:
    """A file, and the diffusion model in it under the host's names, so that erasures fit both."""

    file: TensorFile
    model: TextModel

    @property
    def size(self) -> int:
        """How many bytes the file has."""
        return self.file.path.stat().st_size


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
    return Weight(entry.name, entry.role, _pick(_widen(file.read(MODEL + entry.name)), entry), entry.cond_input)


def list_changes(checkpoint: Checkpoint, erasure: Erasure, strength: float = 1.0) -> dict[str, Change]:
    """What `erasure` makes of the weights of `checkpoint`, by their names in the file; each is read when asked for.

    A change gives the whole new weight in float32, not yet rounded to the type it is stored in. strength: 1 for all of
    the erasure, 0 for nothing of it.
    """
    file, model = checkpoint.file, checkpoint.model
    edits: dict[str, list[tuple[TextEntry, Part]]] = {}
    biases: dict[str, Tensor] = {}
    for cond_input, part in erasure.parts.items():
        entries = model.cond_inputs[cond_input]
        for entry in entries:
            edits.setdefault(entry.name, []).append((entry, part))
        added_by = part.bias_changes(entries, model.shapes, lambda name: _widen(file.read(MODEL + name)))
        for name, added in added_by.items():
            biases[name] = strength * added + biases.get(name, 0.0)
    changes = {MODEL + name: _edit_later(file, MODEL + name, parts, strength) for name, parts in edits.items()}
    return changes | {MODEL + name: _add_later(file, MODEL + name, added) for name, added in biases.items()}


def _edit_later(file: TensorFile, name: str, edits: Sequence[tuple[TextEntry, Part]], strength: float) -> Change:
    def edit() -> Tensor:
        stored = _widen(file.read(name))
        edited = stored.clone()
        for entry, part in edits:
            own = _pick(stored, entry)
            change = part.change_of(Weight(entry.name, entry.role, own, entry.cond_input))
            _pick(edited, entry).add_(change, alpha=strength)
        return edited

    return edit


def _add_later(file: TensorFile, name: str, added: Tensor) -> Change:
    return lambda: _widen(file.read(name)) + added


def _pick(matrix: Tensor, entry: TextEntry) -> Tensor:
    """The columns of a stored weight that `entry` reads its conditioning input by: a view."""
    return matrix[:, slice(*entry.columns or (None,))]


def _widen(stored: Tensor) -> Tensor:
    return stored if stored.dtype == torch.float64 else stored.float()
