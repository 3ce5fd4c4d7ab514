"""The nodes: M on an embedding, the hashes of a model's weights, a model that reads no text by cross-attention."""

from __future__ import annotations

import hashlib
from typing import Any

import comfy.lora
import comfy.model_management
import comfy.model_patcher
import comfy.supported_models
import torch
from comfy_api.latest import io, ui

CATEGORY = "tests"


class ProbeApplyOperator(io.ComfyNode):
    """M c for every token c of a CONDITIONING."""

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
        return io.NodeOutput([[erasure.operator.apply_to_tokens(tokens), extras] for tokens, extras in conditioning])


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


class ProbeModelWithoutCrossAttention(io.ComfyNode):
    """A tiny AuraFlow with random weights: a diffusion transformer, where text and picture are one sequence."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ProbeModelWithoutCrossAttention", category=CATEGORY, inputs=[], outputs=[io.Model.Output()]
        )

    @classmethod
    def execute(cls) -> io.NodeOutput:
        sizes = {"cond_seq_dim": 128, "dim": 64, "n_layers": 2, "n_double_layers": 1, "n_heads": 2}
        config = comfy.supported_models.AuraFlow({**sizes, "global_conddim": 64, "max_seq": 16})
        config.set_inference_dtype(torch.float32, None)
        device = comfy.model_management.get_torch_device()
        model = config.get_model({})
        return io.NodeOutput(comfy.model_patcher.ModelPatcher(model, device, torch.device("cpu")))


PROBES = (ProbeApplyOperator, ProbeHashModel, ProbeModelWithoutCrossAttention)
