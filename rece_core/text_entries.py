"""Which weights of a model read the text embedding: its text entries, per family."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

# U-Nets (SD 1.x, SD 2.x, SDXL and relatives): `attn2` is cross-attention to the text; `attn1` is self-attention.
CROSS_ATTENTION = re.compile(r"\.attn2\.to_(?P<role>[kv])\.weight$")
ROLES = {"k": "key", "v": "value"}


@dataclass(frozen=True)
class TextEntry:
    """A weight that reads the text embedding: its name in the model, its role (`key`, `value`), its shape."""

    name: str
    role: str
    shape: tuple[int, int]


def find_text_entries(shapes: Mapping[str, tuple[int, ...]]) -> tuple[TextEntry, ...]:
    """The text entries among a model's weights, given as names and shapes, in the model's order.

    Raises ValueError when there are none, or when they read embeddings of different widths.
    """
    entries = []
    for name, shape in shapes.items():
        match = CROSS_ATTENTION.search(name)
        if match and len(shape) == 2:
            entries.append(TextEntry(name, ROLES[match["role"]], (shape[0], shape[1])))
    if not entries:
        sample = ", ".join(sorted({name.rsplit(".", 2)[-2] for name in shapes if "." in name})[:8]) or "nothing"
        raise ValueError(
            f"this model has no cross-attention to text: none of its {len(shapes)} weights is named "
            f"'…attn2.to_k.weight' (its layers are named {sample}, …). Expected a U-Net with a text encoder, such as "
            "SD 1.x, SD 2.x or SDXL."
        )
    widths = sorted({entry.shape[1] for entry in entries})
    if len(widths) > 1:
        raise ValueError(f"this model's cross-attention reads embeddings of several widths, {widths}; expected one.")
    return tuple(entries)


def find_output(value: TextEntry, shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, str]:
    """Names of the weight and the bias behind the attention that reads the value projection `value`.

    Raises ValueError where the layer has no bias.
    """
    weight, bias = (value.name.replace("to_v.weight", f"to_out.0.{part}") for part in ("weight", "bias"))
    if weight not in shapes or bias not in shapes:
        raise ValueError(
            f"the seal needs a bias behind {value.name} to put back what texts have in common, but this model has no "
            f"{bias}. Set seal to 0."
        )
    return weight, bias
