"""A model whose text entries lie in a format of other node packs, built of what those leave on layers and weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import comfy.model_patcher
import torch
from comfy_api.latest import io
from torch import Tensor, nn

from .probes import CATEGORY, fill

Made = Callable[[Tensor], nn.Module]


class Params4bit(nn.Parameter):
    """As bitsandbytes has it: bytes in one column."""


class AffineQuantizedTensor(torch.Tensor):
    """As torchao has it: to the outside a float tensor of the weight's shape."""


class SVDQW4A4Linear(nn.Module):
    """As Nunchaku has it: no weight at all."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        rows, width = weight.shape
        sizes = {"qweight": (rows, width // 2), "wscales": (width // 64 + 1, rows), "proj_down": (width, 4)}
        for name, size in {**sizes, "proj_up": (rows, 4)}.items():
            setattr(self, name, nn.Parameter(torch.zeros(size), requires_grad=False))


def _pack(**parts: Callable[[Tensor], Tensor]) -> Made:
    """A layer with these tensors and no weight."""

    def make(weight: Tensor) -> nn.Module:
        layer = nn.Module()
        for name, part in parts.items():
            layer.register_buffer(name, part(weight))
        return layer

    return make


def _four_bits(weight: Tensor) -> nn.Module:
    layer = nn.Module()
    packed = torch.zeros(weight.numel() // 2, 1, dtype=torch.uint8)
    layer.weight = Params4bit(packed, requires_grad=False)
    layer.weight.quant_state = object()
    return layer


def _eight_bits(weight: Tensor) -> nn.Module:
    layer = nn.Module()
    layer.weight = nn.Parameter(weight.to(torch.int8), requires_grad=False)
    layer.weight.SCB = torch.ones(len(weight))
    return layer


def _torchao(weight: Tensor) -> nn.Module:
    layer = nn.Module()
    stored = weight.detach().clone().as_subclass(AffineQuantizedTensor)
    stored.tensor_impl = object()
    layer.register_buffer("weight", stored)
    return layer


def _scaled(weight: Tensor) -> nn.Module:
    layer = nn.Module()
    layer.weight = nn.Parameter(weight.to(torch.int8), requires_grad=False)
    layer.register_buffer("weight_scale", torch.ones(1))
    return layer


def _small(weight: Tensor) -> Tensor:
    return torch.zeros(len(weight), weight.shape[1] // 8, dtype=torch.int32)


FORMATS: Mapping[str, Made] = {
    "Nunchaku": SVDQW4A4Linear,
    "bitsandbytes in 4 bits": _four_bits,
    "bitsandbytes in 8 bits": _eight_bits,
    "torchao": _torchao,
    "AWQ": _pack(qweight=_small, qzeros=_small, scales=_small),
    "GPTQ": _pack(qweight=_small, qzeros=_small, scales=_small, g_idx=_small),
    "an int8 pack": _scaled,
}


class ProbeForeignModel(io.ComfyNode):
    """A model of the same structure with random weights; what reads the text is stored in a format of others."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ProbeForeignModel",
            category=CATEGORY,
            inputs=[io.Model.Input("model"), io.Combo.Input("format", options=["none", *FORMATS])],
            outputs=[io.Model.Output()],
        )

    @classmethod
    def execute(cls, model: Any, format: str) -> io.NodeOutput:
        config = model.model.model_config
        other = type(config)(dict(config.unet_config))
        other.set_inference_dtype(torch.float32, None)
        made = other.get_model({})
        fill(made.diffusion_model, 0)
        names = [
            name for name, _ in made.diffusion_model.named_modules() if name.endswith(("attn2.to_k", "attn2.to_v"))
        ]
        for name in names if format != "none" else ():
            layer = made.diffusion_model.get_submodule(name)
            made.diffusion_model.set_submodule(name, FORMATS[format](layer.weight))
        return io.NodeOutput(comfy.model_patcher.ModelPatcher(made, model.load_device, model.offload_device))
