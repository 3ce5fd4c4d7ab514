"""What a small model of a family is built from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """A model to build: `model` names the host's class in `supported_models`, `config` its structure.

    family: what the table should call it. conditioning inputs: width of each conditioning input. latent: shape of what
    is denoised. extra: what the text encoder or other nodes would give besides: a `mask` over the tokens, a `picture`.
    needs: a module of the host, where an older one with the same class does not know the structure yet. parameters: how
    many the published model has, of one that is built whole.
    """

    family: str
    model: str
    config: Mapping[str, Any]
    cond_inputs: Mapping[str, int]
    latent: tuple[int, ...] = (1, 4, 8, 8)
    extra: Mapping[str, Any] = field(default_factory=dict)
    needs: str = "comfy.supported_models"
    parameters: int | None = None
