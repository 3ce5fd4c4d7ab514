"""The nodes: M on an embedding, the hashes of a model's weights, a model that reads no text by cross-attention."""

from __future__ import annotations

import hashlib
import math
import os
import threading
from typing import Any

import comfy.lora
import comfy.model_management
import comfy.model_patcher
import comfy.sd
import comfy.supported_models
import comfy.supported_models_base
import torch
from comfy import sd1_clip
from comfy.weight_adapter import WeightAdapterBase
from comfy_api.latest import io, ui
from torch import nn

CATEGORY = "tests"


class ProbeApplyOperator(io.ComfyNode):
    """M c for every token c of a CONDITIONING, and M p for its pooled embedding where the erasure has a part for it."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ProbeApplyOperator",
            category=CATEGORY,
            inputs=[io.Conditioning.Input("conditioning"), io.Custom("RECE_ERASURE").Input("erasure")],
            outputs=[io.Conditioning.Output()],
        )

    @classmethod
    def execute(cls, conditioning: Any, erasure: Any) -> io.NodeOutput:
        parts = erasure.parts
        moved = []
        for tokens, extras in conditioning:
            if "pooled" in parts:
                pooled = parts["pooled"].operator.apply_to_tokens(extras["pooled_output"])
                extras = {**extras, "pooled_output": pooled}
            moved.append([parts["tokens"].operator.apply_to_tokens(tokens), extras])
        return io.NodeOutput(moved)


class ProbeHashModel(io.ComfyNode):
    """Shows two hashes of a MODEL: of its weights as they are stored, and with the patches of the chain."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ProbeHashModel",
            category=CATEGORY,
            inputs=[io.Model.Input("model"), io.Int.Input("run", default=0, tooltip="Change it to hash again.")],
            outputs=[],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, model: Any, run: int) -> io.NodeOutput:
        stored, effective = hashlib.sha256(), hashlib.sha256()
        for name, ((weight, _), *attached) in sorted(model.get_key_patches("diffusion_model.").items()):
            stored.update(weight.cpu().float().numpy().tobytes())
            patched = comfy.lora.calculate_weight(attached, weight.cpu().float().clone(), name)
            effective.update(patched.numpy().tobytes())
        return io.NodeOutput(ui=ui.PreviewText(f"{stored.hexdigest()} {effective.hexdigest()}"))


class ProbeModelOfUnknownFamily(io.ComfyNode):
    """A tiny Hunyuan3D with random weights: it reads pictures, and no text."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(node_id="ProbeModelOfUnknownFamily", category=CATEGORY, inputs=[], outputs=[io.Model.Output()])

    @classmethod
    def execute(cls) -> io.NodeOutput:
        sizes = {"context_in_dim": 128, "hidden_size": 64, "num_heads": 2, "depth": 1, "depth_single_blocks": 1}
        config = comfy.supported_models.Hunyuan3Dv2(sizes)
        config.set_inference_dtype(torch.float32, None)
        device = comfy.model_management.get_torch_device()
        model = config.get_model({})
        return io.NodeOutput(comfy.model_patcher.ModelPatcher(model, device, torch.device("cpu")))


class ProbeNarrowClip(io.ComfyNode):
    """A text encoder with random weights and embeddings of width 64."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(node_id="ProbeNarrowClip", category=CATEGORY, inputs=[], outputs=[io.Clip.Output()])

    @classmethod
    def execute(cls) -> io.NodeOutput:
        target = comfy.supported_models_base.ClipTarget(sd1_clip.SD1Tokenizer, _NarrowClip)
        clip = comfy.sd.CLIP(target)
        for parameter in clip.cond_stage_model.parameters():
            parameter.normal_()
        return io.NodeOutput(clip)


class _NarrowTextModel(sd1_clip.SDClipModel):
    def __init__(self, device: Any = "cpu", dtype: Any = None, model_options: Any = None) -> None:
        heads = {"num_attention_heads": 2, "num_hidden_layers": 1, "hidden_size": 64, "intermediate_size": 64}
        rest = {"hidden_act": "gelu", "max_position_embeddings": 77, "eos_token_id": 49407}
        super().__init__(device=device, dtype=dtype, textmodel_json_config={**heads, **rest})


class _NarrowClip(sd1_clip.SD1ClipModel):
    def __init__(self, device: Any = "cpu", dtype: Any = None, model_options: Any = None) -> None:
        super().__init__(device=device, dtype=dtype, model_options=model_options or {}, clip_model=_NarrowTextModel)


class ProbeModelOfOtherSizes(io.ComfyNode):
    """A model of the same family with random weights, its text embeddings as wide, its layers as told."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ProbeModelOfOtherSizes",
            category=CATEGORY,
            inputs=[io.Model.Input("model"), io.Int.Input("channels"), io.Int.Input("levels")],
            outputs=[io.Model.Output()],
        )

    @classmethod
    def execute(cls, model: Any, channels: int, levels: int) -> io.NodeOutput:
        config = model.model.model_config
        sizes = {
            "model_channels": channels,
            "channel_mult": [1] * (levels - 1) + [2],
            "num_res_blocks": [1] * levels,
            "transformer_depth": [0] * (levels - 1) + [1],
            "transformer_depth_output": [0] * 2 * (levels - 1) + [1, 1],
        }
        other = type(config)({**config.unet_config, **sizes})
        other.set_inference_dtype(torch.float32, None)
        made = other.get_model({})
        fill(made.diffusion_model, 0)
        return io.NodeOutput(comfy.model_patcher.ModelPatcher(made, model.load_device, model.offload_device))


class _Full(WeightAdapterBase):
    """A patch that no memory is left for."""

    name = "full"

    def calculate_weight(self, *arguments: Any, **options: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 8")


class ProbeFullMemory(io.ComfyNode):
    """The model with a patch on one of its text entries that runs out of memory whenever it is put in."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ProbeFullMemory",
            category=CATEGORY,
            inputs=[io.Model.Input("model")],
            outputs=[io.Model.Output()],
        )

    @classmethod
    def execute(cls, model: Any) -> io.NodeOutput:
        clone = model.clone()
        name = next(name for name in model.model_state_dict() if name.endswith("attn2.to_v.weight"))
        clone.add_patches({name: _Full()})
        return io.NodeOutput(clone)


class ProbeRaise(io.ComfyNode):
    """Raises a ValueError of a text, as it is."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        text = io.String.Input("text")
        return io.Schema(node_id="ProbeRaise", category=CATEGORY, inputs=[text], outputs=[], is_output_node=True)

    @classmethod
    def execute(cls, text: str) -> io.NodeOutput:
        raise ValueError(text)


class ProbeLeak(io.ComfyNode):
    """Keeps so many bytes, a file and a thread each time that it runs."""

    kept: list[Any] = []  # noqa: RUF012 - for ever, that is the point

    @classmethod
    def define_schema(cls) -> io.Schema:
        inputs = [io.Int.Input("bytes", max=10**9), io.Int.Input("run", default=0)]
        return io.Schema(node_id="ProbeLeak", category=CATEGORY, inputs=inputs, outputs=[], is_output_node=True)

    @classmethod
    def execute(cls, bytes: int, run: int) -> io.NodeOutput:
        waiting = threading.Thread(target=threading.Event().wait, daemon=True)
        waiting.start()
        ProbeLeak.kept += [bytearray(b"x" * bytes), open(os.devnull, "rb"), waiting]  # noqa: SIM115
        return io.NodeOutput(ui=ui.PreviewText(str(run)))


class ProbeSpoil(io.ComfyNode):
    """Changes a weight of the model that it is given, which no node may."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ProbeSpoil",
            category=CATEGORY,
            inputs=[io.Model.Input("model"), io.Int.Input("run", default=0)],
            outputs=[],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, model: Any, run: int) -> io.NodeOutput:
        with torch.no_grad():
            next(model.model.diffusion_model.parameters()).mul_(1.001)
        return io.NodeOutput(ui=ui.PreviewText(str(run)))


def fill(module: nn.Module, seed: int) -> None:
    """Numbers that keep the size of what passes through; norms and biases a little off ones and zeros."""
    generator = torch.Generator().manual_seed(seed)
    for name, weight in module.named_parameters():
        numbers = torch.randn(weight.shape, generator=generator)
        if weight.ndim < 2:
            weight.data.copy_(0.1 * numbers + (not name.endswith("bias")))
        else:
            inputs = 1 if "embedding" in name else weight[0].numel()
            weight.data.copy_(numbers / math.sqrt(inputs))


PROBES = (
    ProbeApplyOperator,
    ProbeHashModel,
    ProbeModelOfUnknownFamily,
    ProbeNarrowClip,
    ProbeModelOfOtherSizes,
    ProbeFullMemory,
    ProbeRaise,
    ProbeLeak,
    ProbeSpoil,
)
