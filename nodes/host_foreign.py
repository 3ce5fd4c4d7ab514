"""Layers of the host's models that hold weights which only other custom nodes can read: which format, and what then."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from ..rece_core.models.foreign_formats import INT8, Format, recognise_layer


def find_foreign(model: Any) -> Format | None:
    """The format of the first layer of a MODEL that is stored in one of others; None where all are the host's."""
    found = (recognise(layer) for layer in model.model.modules())
    return next(filter(None, found), None)


def recognise(layer: Any) -> Format | None:
    """The format of others that one layer is stored in, by its class, its weight's, and what both have; or None."""
    weight = getattr(layer, "weight", None)

    def has(part: str) -> bool:
        if part == INT8:
            return getattr(weight, "dtype", None) == torch.int8
        return hasattr(layer, part) or hasattr(weight, part)

    return recognise_layer(has, [*_name_classes(layer), *_name_classes(weight)])


def _name_classes(value: Any) -> Iterator[str]:
    return (f"{each.__module__}.{each.__qualname__}" for each in type(value).__mro__)
