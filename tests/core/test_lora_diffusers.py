"""LoRA files of SD 1.x and SDXL in diffusers: its own loader gives the weights that the erasure gives.

What diffusers calls which weight is its own word too: `convert_ldm_unet_checkpoint`, which it loads checkpoints with.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    AuraFlowTransformer2DModel,
    ChromaTransformer2DModel,
    Flux2Transformer2DModel,
    FluxTransformer2DModel,
    HunyuanVideoTransformer3DModel,
    LongCatImageTransformer2DModel,
    LTXVideoTransformer3DModel,
    OvisImageTransformer2DModel,
    QwenImageTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
    WanTransformer3DModel,
)
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint
from safetensors.torch import save_file
from torch import Tensor

from rece_core.sharing.lora_file import LoraFile, make_lora
from tests.core.loras import change_weights, make_erasure, make_model
from tests.core.random_models import deviation
from tests.core.unets import SD1, SDXL, UNet

ROUNDING = 1e-3  # of what changes: an automatic rank leaves out no more, and float16 adds little to it

CASES = pytest.mark.parametrize(
    ("structure", "pipeline"), [(SD1, StableDiffusionPipeline), (SDXL, StableDiffusionXLPipeline)], ids=["SD1", "SDXL"]
)
BOTH_NAMINGS = pytest.mark.parametrize("for_diffusers", [False, True], ids=["kohya", "diffusers"])


def make(
    structure: UNet, *, with_erasers: bool, for_diffusers: bool
) -> tuple[dict[str, Tensor], dict[str, Tensor], LoraFile]:
    """Original and erased weights by the names of checkpoints, and the LoRA."""
    original = structure.make_weights()
    model = make_model(original)
    erasure = make_erasure(model, with_erasers=with_erasers)
    lora = make_lora(erasure, model, original.__getitem__, for_diffusers=for_diffusers)
    return original, change_weights(model, erasure, original), lora


def load(structure: UNet, weights: dict[str, Tensor]) -> tuple[UNet2DConditionModel, dict[str, Tensor]]:
    """A U-Net of diffusers with `weights`, and these by its own names."""
    torch.manual_seed(0)  # for all that is not among the weights
    unet = UNet2DConditionModel(**structure.config)
    named = convert_ldm_unet_checkpoint(
        {f"model.diffusion_model.{name}": each for name, each in weights.items()}, unet.config
    )
    named = {name: each for name, each in named.items() if "attn2" in name or "add_embedding" in name}
    found = unet.load_state_dict(named, strict=False)
    assert not found.unexpected_keys
    return unet, named


def add_lora(unet: UNet2DConditionModel, pipeline: Any, lora: LoraFile, folder: Path) -> None:
    save_file(dict(lora.tensors), folder / "lora.safetensors", {"format": "pt", "erased": "a => b"})
    state, alphas, _ = pipeline.lora_state_dict(
        str(folder / "lora.safetensors"), unet_config=unet.config, return_lora_metadata=True
    )
    pipeline.load_lora_into_unet(state, alphas, unet)


@CASES
@BOTH_NAMINGS
def test_the_same_weights(structure: UNet, pipeline: Any, for_diffusers: bool, tmp_path: Path) -> None:
    original, erased, lora = make(structure, with_erasers=False, for_diffusers=for_diffusers)
    unet, before = load(structure, original)
    _, expected = load(structure, erased)
    add_lora(unet, pipeline, lora, tmp_path)
    unet.fuse_lora()
    unet.unload_lora()
    fused = unet.state_dict()
    changed = {name for name in before if not torch.equal(before[name], expected[name])}
    assert len(changed) == len(lora.changes), "every text entry, and nothing else"
    for name in before:
        change = expected[name] - before[name]
        if name in changed:
            assert deviation(fused[name] - before[name], change) < ROUNDING
            assert deviation(fused[name] - before[name], torch.zeros_like(change) + change.mean()) > 0.5  # control
        else:
            assert torch.equal(fused[name], before[name])


@CASES
def test_one_with_value_erasers_draws_the_same(structure: UNet, pipeline: Any, tmp_path: Path) -> None:
    original, erased, lora = make(structure, with_erasers=True, for_diffusers=True)
    assert lora.biases
    (unet, _), (reference, _) = load(structure, original), load(structure, erased)
    given = {
        "sample": torch.randn(1, 4, 16, 16),
        "timestep": 500,
        "encoder_hidden_states": torch.randn(1, 7, structure.width),
    }
    if structure.pooled:
        given["added_cond_kwargs"] = {"text_embeds": torch.randn(1, 1280), "time_ids": torch.randn(1, 6)}
    with torch.inference_mode():
        before, wanted = unet(**given).sample, reference(**given).sample
        add_lora(unet, pipeline, lora, tmp_path)
        after = unet(**given).sample
    assert deviation(after - wanted + before, before) < 1e-3 * deviation(wanted, before), "control is the divisor"


@CASES
def test_one_with_value_erasers_with_the_names_of_others_is_refused(
    structure: UNet, pipeline: Any, tmp_path: Path
) -> None:
    original, _, lora = make(structure, with_erasers=True, for_diffusers=False)
    unet, _ = load(structure, original)
    with pytest.raises(ValueError, match=r"(?s)not been correctly renamed.*diff_b"):
        add_lora(unet, pipeline, lora, tmp_path)


SIZE = {"num_attention_heads": 2, "attention_head_dim": 16, "num_layers": 1}
IMAGE = {"in_channels": 4, "sample_size": 8}
AXES, FOUR_AXES = {"axes_dims_rope": (4, 4, 8), "in_channels": 4}, {"axes_dims_rope": (4, 4, 4, 4), "in_channels": 4}
TEXT, POOLED = {"joint_attention_dim": 48}, {"pooled_projection_dim": 24}
ONE_SINGLE = {"num_single_layers": 1}
CAPTION = {"caption_projection_dim": 32, "pos_embed_max_size": 64}
REFINED = {"num_single_layers": 1, "num_refiner_layers": 1, "text_embed_dim": 48, "rope_axes_dim": (4, 4, 8)}
WAN = {"text_dim": 48, "ffn_dim": 32, "freq_dim": 32, "in_channels": 4, "out_channels": 4}
IN = {"vector_in.in_layer": (32, 24), "txt_in": (32, 48)}
# A small model of diffusers for each family, and the layers that read the text, as the host has them.
TRANSFORMERS: dict[str, tuple[Any, dict[str, Any], dict[str, tuple[int, int]], list[str]]] = {
    "AuraFlow": (
        AuraFlowTransformer2DModel,
        {"num_attention_heads": 2, "attention_head_dim": 16, "num_mmdit_layers": 1, "num_single_dit_layers": 1}
        | IMAGE
        | TEXT
        | CAPTION,
        {"cond_seq_linear": (32, 48)},
        [],
    ),
    "Chroma": (
        ChromaTransformer2DModel,
        {**SIZE, **ONE_SINGLE, **TEXT, **AXES},
        {"txt_in": (32, 48)},
        ["distilled_guidance_layer.in_proj.weight"],
    ),
    "Flux.1": (FluxTransformer2DModel, {**SIZE, **ONE_SINGLE, **TEXT, **POOLED, **AXES}, IN, []),
    "Flux.2": (
        Flux2Transformer2DModel,
        {**SIZE, **ONE_SINGLE, **TEXT, **FOUR_AXES},
        {"txt_in": (32, 48)},
        ["double_stream_modulation_img.lin.weight"],
    ),
    "HunyuanVideo": (
        HunyuanVideoTransformer3DModel,
        {**SIZE, **REFINED, **POOLED, "in_channels": 4, "out_channels": 4},
        {"txt_in.input_embedder": (32, 48), "txt_in.c_embedder.in_layer": (32, 48), "vector_in.in_layer": (32, 24)},
        [],
    ),
    "LTX-Video": (
        LTXVideoTransformer3DModel,
        {**SIZE, "caption_channels": 48, "cross_attention_dim": 32, "in_channels": 4, "out_channels": 4},
        {"caption_projection.linear_1": (32, 48)},
        ["patchify_proj.weight"],
    ),
    "LongCat-Image": (
        LongCatImageTransformer2DModel,
        {**SIZE, **ONE_SINGLE, **TEXT, **POOLED, **AXES},
        {"txt_in": (32, 48)},
        ["double_blocks.0.img_mod.lin.weight"],
    ),
    "Ovis-Image": (
        OvisImageTransformer2DModel,
        {**SIZE, **ONE_SINGLE, **AXES, "joint_attention_dim": 2048},
        {"txt_in": (32, 2048)},
        ["txt_norm.weight", "double_blocks.0.img_mod.lin.weight"],
    ),
    "Qwen-Image": (
        QwenImageTransformer2DModel,
        {**SIZE, **AXES, "joint_attention_dim": 3584},
        {"txt_in": (32, 3584)},
        ["txt_norm.weight", "transformer_blocks.0.txt_mlp.net.2.weight"],
    ),
    "SD3": (
        SD3Transformer2DModel,
        {**SIZE, **IMAGE, **TEXT, **POOLED, **CAPTION},
        {"context_embedder": (32, 48), "y_embedder.mlp.0": (32, 24)},
        ["joint_blocks.0.x_block.attn.proj.weight"],
    ),
    "Wan": (
        WanTransformer3DModel,
        {**SIZE, **WAN},
        {"text_embedding.0": (32, 48)},
        ["blocks.0.cross_attn.k.weight"],
    ),
}


@pytest.mark.parametrize("family", TRANSFORMERS)
def test_transformers_get_what_changes(family: str) -> None:
    kind, config, layers, marks = TRANSFORMERS[family]
    weights = {f"{layer}.weight": torch.randn(shape) for layer, shape in layers.items()}
    model = make_model({**weights, **{mark: torch.zeros(1) for mark in marks}})
    assert model.family.name == family
    erasure = make_erasure(model)
    lora = make_lora(erasure, model, weights.__getitem__, for_diffusers=True)
    network = kind(**config)
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    network.load_lora_adapter(dict(lora.tensors), prefix="transformer")
    network.fuse_lora()
    network.unload_lora()
    after = network.state_dict()
    changes = sorted(
        (after[name] - weight for name, weight in before.items() if not torch.equal(after[name], weight)), key=norm
    )
    expected = sorted((erasure.change_of(weight) for weight in model.read(model.family.entries, str)), key=norm)
    assert len(changes) == len(expected) == len(layers), "every text entry, and nothing else"
    for change, wanted in zip(changes, expected, strict=True):
        assert deviation(change, wanted) < ROUNDING


def norm(change: Tensor) -> float:
    return float(change.norm())
