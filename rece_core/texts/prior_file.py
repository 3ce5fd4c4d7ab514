"""The preserve prior as a file."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save

from ..storage.atomic_file import write_atomically
from ..storage.tensor_file import open_tensor_file
from .prior import Prior


def write_prior(prior: Prior, path: Path) -> None:
    """Write `prior` to `path`, whole or not at all; OSError or ValueError where that can't be."""
    write_atomically(path, save({"moment": prior.moment, "mean": prior.mean}))


def read_prior(path: Path, width: int) -> Prior:
    """The prior at `path` of embeddings of `width`, float64 on the CPU.

    Raises OSError where it can't be read, ValueError where it is damaged, or of another width.
    """
    file = open_tensor_file(path)
    expected = {"moment": (width, width), "mean": (width,)}
    for name, shape in expected.items():
        stored = file.tensors.get(name)
        if stored is None or stored.shape != shape or stored.dtype != "F64":
            found = "is not there" if stored is None else f"is {stored.dtype} of shape {stored.shape[:4]}"
            raise ValueError(
                f"the prior {path.name} is damaged: {name} {found}; expected F64 of shape {shape}. Delete it."
            )
    prior = Prior(*(file.read(name) for name in expected))
    if not (torch.isfinite(prior.moment).all() and torch.isfinite(prior.mean).all()):
        raise ValueError(f"the prior {path.name} is damaged: it holds NaN or infinite numbers. Delete it.")
    return prior
