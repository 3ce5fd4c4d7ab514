"""What is kept of a text encoder as files: the preserve prior, and what it makes of the words that may be anchors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from ..storage.atomic_file import write_atomically
from ..storage.checksum import PLACEHOLDER, check_file, fill_checksum
from ..storage.tensor_file import open_tensor_file
from .prior import Prior


def write_prior(prior: Prior, path: Path) -> None:
    """Write `prior` to `path`, whole or not at all; OSError or ValueError where that can't be."""
    _write_tensors(path, {"moment": prior.moment, "mean": prior.mean})


def read_prior(path: Path, width: int) -> Prior:
    """The prior at `path` of embeddings of `width`, float64 on the CPU.

    Raises OSError where it can't be read, ValueError where it is damaged, or of another width.
    """
    return Prior(**_read_tensors(path, "prior", {"moment": (width, width), "mean": (width,)}))


def write_words(words: Tensor, path: Path) -> None:
    """Write what a text encoder makes of words to `path`, as `write_prior` does."""
    _write_tensors(path, {"words": words})


def read_words(path: Path, shape: tuple[int, int]) -> Tensor:
    """What `write_words` wrote, (words, d), float64 on the CPU; errors as those of `read_prior`."""
    return _read_tensors(path, "list of words", {"words": shape})["words"]


def _write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    write_atomically(path, fill_checksum(save(tensors, metadata=PLACEHOLDER)))


def _read_tensors(path: Path, what: str, expected: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    file = open_tensor_file(path)
    for name, shape in expected.items():
        stored = file.tensors.get(name)
        if stored is None or stored.shape != shape or stored.dtype != "F64":
            found = "is not there" if stored is None else f"is {stored.dtype} of shape {stored.shape[:4]}"
            raise ValueError(
                f"the {what} {path.name} is damaged: {name} {found}; expected F64 of shape {shape}. Delete it."
            )
    if file.tensors.keys() != expected.keys():
        raise ValueError(f"the {what} {path.name} is damaged: it holds more than {', '.join(expected)}. Delete it.")
    tensors = {name: file.read(name) for name in expected}
    check_file(path)  # last, as it reads all of the file, which is no more than expected by now
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise ValueError(f"the {what} {path.name} is damaged: it holds NaN or infinite numbers. Delete it.")
    return tensors
