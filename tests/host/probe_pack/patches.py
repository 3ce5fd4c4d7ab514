"""What other packs put around attention: a picture's tokens beside the text, others instead of it, a ControlNet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import comfy.cldm.cldm
import comfy.controlnet
import comfy.ops
import torch
from comfy.ldm.modules.attention import optimized_attention
from comfy_api.latest import io
from torch import Tensor

from .probes import CATEGORY

ATTENTION = re.compile(r"diffusion_model\.(input|middle|output)_blocks?\.(\d+)\..*transformer_blocks\.(\d+)\.attn2\.")


class ProbeSecondAttention(io.ComfyNode):
    """Attention to a second text, with keys and values of its own, added as IPAdapter adds attention to a picture.

    Its own weights are those that the model is stored with, without patches: what knows of the concept by itself.
    """

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ProbeSecondAttention",
            category=CATEGORY,
            inputs=[io.Model.Input("model"), io.Conditioning.Input("seen"), io.Float.Input("scale")],
            outputs=[io.Model.Output()],
        )

    @classmethod
    def execute(cls, model: Any, seen: Any, scale: float) -> io.NodeOutput:
        clone = model.clone()
        for place, (key, value) in _read_attention(model):
            clone.set_model_attn2_replace(_add_attention(seen[0][0] @ key.T, seen[0][0] @ value.T, scale), *place)
        return io.NodeOutput(clone)


class ProbeOtherTokens(io.ComfyNode):
    """Other tokens to the model's own keys and values instead of the prompt's, as packs for regional prompts do."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ProbeOtherTokens",
            category=CATEGORY,
            inputs=[io.Model.Input("model"), io.Conditioning.Input("tokens")],
            outputs=[io.Model.Output()],
        )

    @classmethod
    def execute(cls, model: Any, tokens: Any) -> io.NodeOutput:
        clone = model.clone()

        def patch(queries: Tensor, context: Tensor, values: Tensor, options: Any) -> tuple[Tensor, Tensor, Tensor]:
            other = tokens[0][0].to(context).expand(len(context), -1, -1)
            return queries, other, other

        clone.set_model_attn2_patch(patch)
        return io.NodeOutput(clone)


class ProbeControlNet(io.ComfyNode):
    """A ControlNet as its training begins and a little further: a copy of the stored model, its outputs faint noise."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ProbeControlNet",
            category=CATEGORY,
            inputs=[io.Model.Input("model"), io.Float.Input("size")],
            outputs=[io.ControlNet.Output()],
        )

    @classmethod
    def execute(cls, model: Any, size: float) -> io.NodeOutput:
        config = model.model.model_config
        operations = config.custom_operations or comfy.ops.disable_weight_init
        network = comfy.cldm.cldm.ControlNet(hint_channels=3, **config.unet_config, operations=operations)
        generator = torch.Generator().manual_seed(0)
        for weight in network.parameters():
            weight.data.copy_(size * torch.randn(weight.shape, generator=generator))
        stored = {name: weight for name, ((weight, *_), *_) in model.get_key_patches("diffusion_model.").items()}
        named = {name.removeprefix("diffusion_model."): weight for name, weight in stored.items()}
        network.load_state_dict(named, strict=False)
        return io.NodeOutput(comfy.controlnet.ControlNet(network, load_device=model.load_device))


def _read_attention(model: Any) -> Iterator[tuple[tuple[str, int, int], tuple[Tensor, Tensor]]]:
    """Of each cross-attention its block, number and place there, and its stored keys and values (d_out, d)."""
    found: dict[tuple[str, int, int], dict[str, Tensor]] = {}
    for name, ((weight, *_), *_) in model.get_key_patches("diffusion_model.").items():
        place = ATTENTION.match(name)
        if place:
            number = 0 if place[1] == "middle" else int(place[2])
            found.setdefault((place[1], number, int(place[3])), {})[name.rsplit(".", 2)[1]] = weight.float().cpu()
    for where, weights in found.items():
        yield where, (weights["to_k"], weights["to_v"])


def _add_attention(keys: Tensor, values: Tensor, scale: float) -> Any:
    def attend(queries: Tensor, own_keys: Tensor, own_values: Tensor, options: Any) -> Tensor:
        heads, count = options["n_heads"], len(queries)
        seen = [each.to(queries).expand(count, -1, -1) for each in (keys, values)]
        out = optimized_attention(queries, own_keys, own_values, heads)
        return out + scale * optimized_attention(queries, *seen, heads)

    return attend


PATCHES = (ProbeSecondAttention, ProbeOtherTokens, ProbeControlNet)
