"""The families that are transformers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .case import Case
from .structures import (
    AURA,
    CASCADE_B,
    CASCADE_C,
    CHROMA,
    COSMOS,
    COSMOS_1,
    FLUX2,
    HEADS,
    HIDREAM,
    HIDREAM_EXPERTS,
    HIDREAM_INPUTS,
    HIDREAM_SIZE,
    HIDREAM_TEXT,
    HYDIT,
    HYDIT_INPUTS,
    IDEOGRAM,
    KANDINSKY,
    LTXV,
    OMNIGEN,
    PIXART,
    SD3,
)


def _flux(family: str, model: str, cond_inputs: dict[str, int], latents: int = 16, **config: Any) -> Case:
    image = {"in_channels": 16, "out_channels": 16, "patch_size": 2, "axes_dim": [4, 6, 6], "theta": 10000}
    structure = {"hidden_size": 32, "num_heads": 2, "depth": 1, "depth_single_blocks": 1, "mlp_ratio": 2.0}
    text = {"context_in_dim": cond_inputs["tokens"], "vec_in_dim": cond_inputs.get("pooled"), "txt_ids_dims": []}
    flags = {"qkv_bias": True, "guidance_embed": True}
    return Case(family, model, {**image, **structure, **text, **flags, **config}, cond_inputs, (1, latents, 8, 8))


def _hunyuan(model: str, cond_inputs: dict[str, int], latent: tuple[int, ...], **config: Any) -> Case:
    image = {"in_channels": latent[1], "out_channels": latent[1], "patch_size": [1, 2, 2], "axes_dim": [4, 6, 6]}
    structure = {"hidden_size": 32, "num_heads": 2, "depth": 1, "depth_single_blocks": 1, "mlp_ratio": 2.0}
    text = {
        "context_in_dim": cond_inputs["tokens"],
        "vec_in_dim": cond_inputs.get("pooled"),
        "byt5": "byt5" in cond_inputs,
    }
    flags = {"theta": 256, "qkv_bias": True, "guidance_embed": False, "meanflow": False, "meanflow_sum": False}
    parts = {"use_cond_type_embedding": False, "vision_in_dim": None}
    return Case("HunyuanVideo", model, {**image, **structure, **text, **flags, **parts, **config}, cond_inputs, latent)


def _lumina(family: str, model: str, width: int, **config: Any) -> Case:
    heads = {"dim": 288, "n_heads": 4, "n_kv_heads": 2, "axes_dims": [24, 24, 24], "axes_lens": [300, 512, 512]}
    rest = {"patch_size": 2, "in_channels": 16, "n_layers": 1, "qk_norm": True, "ffn_dim_multiplier": 1.0}
    structure = {"cap_feat_dim": width, "rope_theta": 10000.0, **heads, **rest, **config}
    return Case(family, model, structure, {"tokens": width}, (1, 16, 8, 8))


def _wan(model: str, kind: str, channels: int = 16, latents: int = 16, **extra: Any) -> Case:
    structure = {"dim": 64, "ffn_dim": 64, "num_heads": 2, "num_layers": 2, "freq_dim": 256, "eps": 1e-6}
    image = {"model_type": kind, "patch_size": (1, 2, 2), "in_dim": channels, "out_dim": latents}
    flags = {"window_size": (-1, -1), "qk_norm": True, "cross_attn_norm": True}
    return Case("Wan", model, {**structure, **image, **flags}, {"tokens": 4096}, (1, latents, 1, 8, 8), extra)


TRANSFORMERS: Mapping[str, Case] = {
    "SD3": Case("SD3", "SD3", SD3, {"tokens": 4096, "pooled": 2048}, (1, 16, 8, 8)),
    "SD3.5": Case(
        "SD3", "SD3", {**SD3, "x_block_self_attn_layers": [0]}, {"tokens": 4096, "pooled": 2048}, (1, 16, 8, 8)
    ),
    "AuraFlow": Case("AuraFlow", "AuraFlow", {**AURA, "cond_seq_dim": 2048}, {"tokens": 2048}),
    "PixArt alpha": Case(
        "PixArt", "PixArtAlpha", {**PIXART, "micro_condition": True}, {"tokens": 4096}, (1, 4, 64, 64)
    ),
    "PixArt sigma": Case(
        "PixArt", "PixArtSigma", {**PIXART, "micro_condition": False}, {"tokens": 4096}, (1, 4, 64, 64)
    ),
    "HunyuanDiT": Case("HunyuanDiT", "HunyuanDiT", HYDIT, HYDIT_INPUTS),
    "HunyuanDiT 1.1": Case(
        "HunyuanDiT", "HunyuanDiT1", {**HYDIT, "size_cond": True, "use_style_cond": True}, HYDIT_INPUTS
    ),
    "Flux.1 dev": _flux("Flux.1", "Flux", {"tokens": 4096, "pooled": 768}),
    "Flux.1 schnell": _flux("Flux.1", "FluxSchnell", {"tokens": 4096, "pooled": 768}, guidance_embed=False),
    "Flux.1 fill": _flux("Flux.1", "FluxInpaint", {"tokens": 4096, "pooled": 768}, in_channels=96),
    "Flux.2": _flux("Flux.2", "Flux2", {"tokens": 15360}, 128, **FLUX2),
    "LongCat-Image": _flux("LongCat-Image", "LongCatImage", {"tokens": 3584}, txt_ids_dims=[1, 2]),
    "Ovis-Image": replace(
        _flux("Ovis-Image", "Flux", {"tokens": 2048}, txt_ids_dims=[1, 2], txt_norm=True, yak_mlp=True),
        needs="comfy.text_encoders.ovis",
    ),
    "Chroma": _flux("Chroma", "Chroma", {"tokens": 4096}, **CHROMA),
    "Lumina 2": _lumina("Lumina 2", "Lumina2", 2304),
    "NewBie": replace(
        _lumina("Lumina 2", "Lumina2", 2304, clip_text_dim=1024),
        cond_inputs={"tokens": 2304, "pooled": 1024},
        needs="comfy.text_encoders.newbie",
    ),
    "Z-Image": _lumina("Z-Image", "ZImage", 2560, z_image_modulation=True, pad_tokens_multiple=32, time_scale=1000.0),
    "Qwen-Image": Case(
        "Qwen-Image",
        "QwenImage",
        {**HEADS, "axes_dims_rope": (4, 6, 6), "num_layers": 2, "in_channels": 64, "out_channels": 16},
        {"tokens": 3584},
        (1, 16, 1, 8, 8),
    ),
    "HiDream": Case(
        "HiDream",
        "HiDream",
        {**HEADS, **HIDREAM, **HIDREAM_SIZE, **HIDREAM_TEXT, **HIDREAM_EXPERTS},
        HIDREAM_INPUTS,
        (1, 16, 8, 8),
    ),
    "Stable Cascade C": Case(
        "Stable Cascade C", "Stable_Cascade_C", CASCADE_C, {"tokens": 1280, "pooled": 1280}, (1, 16, 8, 8)
    ),
    "Stable Cascade B": Case("Stable Cascade B", "Stable_Cascade_B", CASCADE_B, {"pooled": 1280}, (1, 4, 16, 16)),
    "Wan 2.1": _wan("WAN21_T2V", "t2v"),
    "Wan 2.1 image to video": _wan("WAN21_I2V", "i2v", 36, picture=True),
    "Wan 2.2": _wan("WAN22_T2V", "t2v", 48, 48),
    "HunyuanVideo": _hunyuan("HunyuanVideo", {"tokens": 4096, "pooled": 768}, (1, 16, 1, 8, 8)),
    "HunyuanImage 2.1": _hunyuan(
        "HunyuanImage21", {"tokens": 3584, "byt5": 1472}, (1, 64, 8, 8), patch_size=[1, 1], axes_dim=[8, 8]
    ),
    "LTX-Video": Case("LTX-Video", "LTXV", {**HEADS, **LTXV}, {"tokens": 4096}, (1, 128, 1, 4, 4), {"mask": True}),
    "Cosmos Predict 2": Case("Cosmos Predict 2", "CosmosT2IPredict2", COSMOS, {"tokens": 1024}, (1, 16, 1, 8, 8)),
    "Kandinsky 5": Case("Kandinsky 5", "Kandinsky5", KANDINSKY, {"tokens": 3584, "pooled": 768}, (1, 16, 1, 8, 8)),
    "OmniGen 2": Case(
        "OmniGen 2", "Omnigen2", {**OMNIGEN, "text_feat_dim": 2048}, {"tokens": 2048}, (1, 16, 8, 8), {"mask": True}
    ),
    "HunyuanVideo 1.5": _hunyuan(
        "HunyuanVideo15",
        {"tokens": 3584, "byt5": 1472},
        (1, 32, 1, 8, 8),
        in_channels=65,
        use_cond_type_embedding=True,
        vision_in_dim=1152,
    ),
    "Cosmos": Case("Cosmos", "CosmosT2V", {**COSMOS, **COSMOS_1}, {"tokens": 1024}, (1, 16, 1, 8, 8), {"mask": True}),
    "Mage-Flow": Case(
        "Mage-Flow",
        "MageFlow",
        {**HEADS, "axes_dims_rope": (4, 6, 6), "num_layers": 2, "in_channels": 128, "out_channels": 128},
        {"tokens": 2560},
        (1, 128, 8, 8),
    ),
    "Boogu-Image": Case(
        "Boogu-Image",
        "Boogu",
        {**OMNIGEN, "instruction_feat_dim": 4096, "num_double_stream_layers": 1},
        {"tokens": 4096},
        (1, 16, 8, 8),
        {"mask": True},
    ),
    "Ideogram 4": Case(
        "Ideogram 4",
        "Ideogram4",
        {**HEADS, **IDEOGRAM},
        {"tokens": 1024},
        (1, 128, 4, 4),
    ),
    "JoyImage": Case(
        "JoyImage",
        "JoyImage",
        {"hidden_size": 32, "num_attention_heads": 2, "num_layers": 1, "rope_dim_list": [4, 6, 6]},
        {"tokens": 4096},
        (1, 16, 1, 8, 8),
    ),
    "CogVideoX": Case(
        "CogVideoX",
        "CogVideoX_T2V",
        {**HEADS, "num_layers": 2, "use_rotary_positional_embeddings": True},
        {"tokens": 4096},
        (1, 16, 1, 8, 8),
    ),
    "Ernie-Image": Case(
        "Ernie-Image",
        "ErnieImage",
        {
            "hidden_size": 32,
            "num_attention_heads": 2,
            "num_layers": 2,
            "ffn_hidden_size": 64,
            "rope_axes_dim": (4, 6, 6),
        },
        {"tokens": 3072},
        (1, 128, 8, 8),
    ),
    "PixelDiT": Case(
        "PixelDiT",
        "PixelDiTT2I",
        {"hidden_size": 96, "num_groups": 4, "patch_depth": 1, "pixel_depth": 1, "pixel_attn_hidden_size": 64},
        {"tokens": 2304},
        (1, 3, 32, 32),
    ),
}
