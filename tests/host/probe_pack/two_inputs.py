"""A model that reads a pooled embedding too, its text encoders, and what there is to compare about it."""

from __future__ import annotations

from typing import Any

import comfy.lora
import comfy.model_management
import comfy.model_patcher
import comfy.sd
import comfy.sdxl_clip
import comfy.supported_models
import comfy.supported_models_base
import torch
from comfy_api.latest import io

from .probes import CATEGORY, fill

PREFIX = "diffusion_model."
# As in SDXL: what reads the text, and its widths. Reduced: all else.
U_NET = {
    "image_size": 32,
    "in_channels": 4,
    "out_channels": 4,
    "model_channels": 32,
    "num_res_blocks": [1, 1],
    "channel_mult": [1, 2],
    "num_head_channels": 16,
    "use_spatial_transformer": True,
    "use_linear_in_transformer": True,
    "transformer_depth": [0, 1],
    "transformer_depth_middle": 1,
    "transformer_depth_output": [0, 0, 1, 1],
    "context_dim": 2048,
    "adm_in_channels": 2816,
    "num_classes": "sequential",
    "legacy": False,
}
SHALLOW = {"num_hidden_layers": 3, "intermediate_size": 64}


class ProbeSdxl(io.ComfyNode):
    """A shallow SDXL with random weights, and text encoders for it; `words`: seed of the latter."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ProbeSdxl",
            category=CATEGORY,
            inputs=[io.Int.Input("weights"), io.Int.Input("words")],
            outputs=[io.Model.Output(), io.Clip.Output()],
        )

    @classmethod
    def execute(cls, weights: int, words: int) -> io.NodeOutput:
        config = comfy.supported_models.SDXL(dict(U_NET))
        config.set_inference_dtype(torch.float32, None)
        device = comfy.model_management.get_torch_device()
        model = config.get_model({})
        fill(model.diffusion_model, weights)
        target = comfy.supported_models_base.ClipTarget(comfy.sdxl_clip.SDXLTokenizer, comfy.sdxl_clip.SDXLClipModel)
        options = {"dtype": torch.float32, "clip_l_model_config": SHALLOW, "clip_g_model_config": SHALLOW}
        clip = comfy.sd.CLIP(target, model_options=options)
        fill(clip.cond_stage_model, words)
        return io.NodeOutput(comfy.model_patcher.ModelPatcher(model, device, torch.device("cpu")), clip)


class ProbeLatentDifference(io.ComfyNode):
    """The Frobenius norm of the difference of two latents, over that of the first."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ProbeLatentDifference",
            category=CATEGORY,
            inputs=[io.Latent.Input("first"), io.Latent.Input("second")],
            outputs=[io.Float.Output()],
        )

    @classmethod
    def execute(cls, first: Any, second: Any) -> io.NodeOutput:
        one, other = first["samples"].double(), second["samples"].double()
        return io.NodeOutput(float((one - other).norm() / one.norm()))


class ProbePooledDifference(io.ComfyNode):
    """The norm of the difference of the pooled embeddings of two conditionings, over that of the first."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ProbePooledDifference",
            category=CATEGORY,
            inputs=[io.Conditioning.Input("first"), io.Conditioning.Input("second")],
            outputs=[io.Float.Output()],
        )

    @classmethod
    def execute(cls, first: Any, second: Any) -> io.NodeOutput:
        one, other = (each[0][1]["pooled_output"].double().cpu() for each in (first, second))
        return io.NodeOutput(float((one - other).norm() / one.norm()))


class ProbeTokenMove(io.ComfyNode):
    """How far the tokens of a conditioning went to those of another: 0 where they are as they were, 1 there."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ProbeTokenMove",
            category=CATEGORY,
            inputs=[io.Conditioning.Input(name) for name in ("start", "moved", "goal")],
            outputs=[io.Float.Output()],
        )

    @classmethod
    def execute(cls, start: Any, moved: Any, goal: Any) -> io.NodeOutput:
        begin, reached, end = (each[0][0].double().cpu() for each in (start, moved, goal))
        way = end - begin
        return io.NodeOutput(float((way * (reached - begin)).sum() / way.square().sum()))


class ProbeChangedWeights(io.ComfyNode):
    """Which weights of `second` are others than in `first`, both with their patches: a line each, with the columns."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ProbeChangedWeights",
            category=CATEGORY,
            inputs=[io.Model.Input("first"), io.Model.Input("second")],
            outputs=[io.String.Output()],
        )

    @classmethod
    def execute(cls, first: Any, second: Any) -> io.NodeOutput:
        lines = []
        both = (read_weights(first), read_weights(second))
        for (name, one), (_, other) in zip(*both, strict=True):
            changed = (one != other).reshape(len(one), -1).any(0).nonzero().flatten().tolist()
            if changed:
                lines.append(f"{name} {min(changed)} {max(changed) + 1}")
        return io.NodeOutput("\n".join(lines))


def read_weights(model: Any) -> Any:
    """Name and effective weight, in the model's order."""
    for name, ((weight, _), *attached) in model.get_key_patches(PREFIX).items():
        yield name.removeprefix(PREFIX), comfy.lora.calculate_weight(attached, weight.cpu().float().clone(), name)


TWO_INPUTS = (ProbeSdxl, ProbeLatentDifference, ProbePooledDifference, ProbeTokenMove, ProbeChangedWeights)
