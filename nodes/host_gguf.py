"""Weights of GGUF files, as the nodes of ComfyUI-GGUF hold them: bytes, from which their layers make numbers.

Such a weight is a tensor of bytes that has its quantisation in `tensor_type` and the shape it stands for in
`tensor_shape`. Its layer's `get_weight` dequantises it each time it computes, and adds the patches that the weight has
in `patches` then; nothing is ever put into the bytes. What a GGUF file has in float16 or float32 is an ordinary weight,
which the host patches as any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import comfy.utils
import torch
from torch import Tensor


def is_packed(stored: Any) -> bool:
    """Whether a weight lies as bytes of a GGUF file."""
    return hasattr(stored, "tensor_type") and hasattr(stored, "tensor_shape") and not stored.is_floating_point()


def describe_packed(stored: Any) -> str:
    """The quantisation in words, such as `GGUF Q4_K`."""
    return f"GGUF {getattr(stored.tensor_type, 'name', stored.tensor_type)}"


def unpack(
    model: Any,
    name: str,
    stored: Any,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    patches: Sequence[Any] = (),
) -> Tensor:
    """What the layer of the weight `name` makes of `stored` and `patches`: in `dtype` on `device`, a new tensor.

    Patches that the host has given the weight for its own computing are left out, and stay where they are.
    """
    layer = comfy.utils.get_attr(model.model, name.rpartition(".")[0])
    bare = stored.data.to(device)  # `data` is another tensor of the same bytes, without what was noted on this one
    bare.tensor_type, bare.tensor_shape = stored.tensor_type, stored.tensor_shape
    bare.patches = [(list(patches), name)] if patches else []
    return layer.get_weight(bare, dtype).to(device)


def find_computing_type(model: Any) -> torch.dtype:
    """The type that the host computes the diffusion model in."""
    return model.model.manual_cast_dtype or model.model.get_dtype()


def require_savable(model: Any) -> None:
    """ValueError for a MODEL with weights of a GGUF file, of which no checkpoint can be made."""
    packed = next(filter(is_packed, model.model.parameters()), None)
    if packed is not None:
        raise ValueError(
            f"the weights of this model lie as in its GGUF file ({describe_packed(packed)}), and ComfyUI can't write "
            "those into a checkpoint. Save the erasure instead, by RECE Save Erasure: as an operator for RECE Load "
            "Erasure and RECE Apply Erasure, or as a LoRA for LoraLoaderModelOnly, each put behind the GGUF loader."
        )
