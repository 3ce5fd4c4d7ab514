"""Tensors of one or more files under other names: those that checkpoints have, whoever named them on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..storage.tensor_file import TensorFile

Place = tuple[TensorFile, str]  # a file, and a tensor's name in it


@dataclass(frozen=True)
class FileView(TensorFile):
    """What looks like one file and is stored in others. places: where each tensor lies."""

    places: Mapping[str, Place]

    def dtype_of(self, name: str) -> torch.dtype:
        file, own = self.places[name]
        return file.dtype_of(own)

    def read(self, name: str) -> Tensor:
        file, own = self.places[name]
        return file.read(own)


def make_view(path: Path, places: Mapping[str, Place]) -> FileView:
    """The tensors at `places` as one file, called `path` where something is said of it."""
    tensors = {name: file.tensors[own] for name, (file, own) in places.items()}
    first = next(iter(places.values()))[0]
    return FileView(path, tensors, first.metadata, 0, places)


def name_in_file(file: TensorFile, name: str) -> str:
    """What the tensor `name` of `file` is called where it is stored."""
    return file.places[name][1] if isinstance(file, FileView) else name
