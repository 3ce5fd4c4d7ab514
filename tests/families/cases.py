"""Small models of every family, as the host builds them: class, structure, and what its text encoder would give.

Widths of the text are the real ones; depth, and the width of all else, are reduced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Case:
    """A model to build: `model` names the host's class in `supported_models`, `config` its structure.

    family: what the table should call it. streams: width of each stream. latent: shape of what is denoised. extra: what
    the text encoder or other nodes would give besides: a `mask` over the tokens, a `picture`. needs: a module of the
    host, where an older one with the same class does not know the structure yet.
    """

    family: str
    model: str
    config: Mapping[str, Any]
    streams: Mapping[str, int]
    latent: tuple[int, ...] = (1, 4, 8, 8)
    extra: Mapping[str, Any] = field(default_factory=dict)
    needs: str = "comfy.supported_models"


def _unet(width: int, channels: int = 320, levels: tuple[int, ...] = (1, 1), **config: Any) -> dict[str, Any]:
    """A U-Net with a block at each level, as deep in transformers as `levels` says."""
    return {
        "image_size": 32,
        "in_channels": 4,
        "out_channels": 4,
        "model_channels": channels,
        "num_res_blocks": [1] * len(levels),
        "channel_mult": [1, 2, 4][: len(levels)],
        "use_spatial_transformer": True,
        "transformer_depth": list(levels),
        "transformer_depth_middle": levels[-1],
        "transformer_depth_output": [depth for depth in levels for _ in range(2)],
        "context_dim": width,
        "use_linear_in_transformer": width != 768,
        "legacy": False,
        **config,
    }


def _sdxl(model: str, levels: tuple[int, ...], channels: int = 64, **config: Any) -> Case:
    labels = {"num_classes": "sequential", "adm_in_channels": 2816}
    return Case("SDXL", model, _unet(2048, channels, levels, **labels, **config), {"tokens": 2048, "pooled": 1280})


def _flux(family: str, model: str, streams: dict[str, int], latents: int = 16, **config: Any) -> Case:
    image = {"in_channels": 16, "out_channels": 16, "patch_size": 2, "axes_dim": [4, 6, 6], "theta": 10000}
    structure = {"hidden_size": 32, "num_heads": 2, "depth": 1, "depth_single_blocks": 1, "mlp_ratio": 2.0}
    text = {"context_in_dim": streams["tokens"], "vec_in_dim": streams.get("pooled"), "txt_ids_dims": []}
    flags = {"qkv_bias": True, "guidance_embed": True}
    return Case(family, model, {**image, **structure, **text, **flags, **config}, streams, (1, latents, 8, 8))


def _hunyuan(model: str, streams: dict[str, int], latent: tuple[int, ...], **config: Any) -> Case:
    image = {"in_channels": latent[1], "out_channels": latent[1], "patch_size": [1, 2, 2], "axes_dim": [4, 6, 6]}
    structure = {"hidden_size": 32, "num_heads": 2, "depth": 1, "depth_single_blocks": 1, "mlp_ratio": 2.0}
    text = {"context_in_dim": streams["tokens"], "vec_in_dim": streams.get("pooled"), "byt5": "byt5" in streams}
    flags = {"theta": 256, "qkv_bias": True, "guidance_embed": False, "meanflow": False, "meanflow_sum": False}
    parts = {"use_cond_type_embedding": False, "vision_in_dim": None}
    return Case("HunyuanVideo", model, {**image, **structure, **text, **flags, **parts, **config}, streams, latent)


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


SD3 = {
    "in_channels": 16,
    "out_channels": 16,
    "patch_size": 2,
    "depth": 2,
    "input_size": None,
    "adm_in_channels": 2048,
    "context_embedder_config": {"target": "torch.nn.Linear", "params": {"in_features": 4096, "out_features": 128}},
    "num_patches": 64,
    "pos_embed_max_size": 8,
    "pos_embed_scaling_factor": None,
    "qk_norm": "rms",
}
PIXART = {"hidden_size": 96, "num_heads": 4, "depth": 2, "input_size": 16, "patch_size": 2, "in_channels": 4}
HYDIT = {"hidden_size": 128, "num_heads": 4, "depth": 4, "mlp_ratio": 2.0}
HYDIT_STREAMS = {"tokens": 1024, "t5": 2048}
COSMOS = {
    "max_img_h": 32,
    "max_img_w": 32,
    "max_frames": 16,
    "in_channels": 16,
    "out_channels": 16,
    "patch_spatial": 2,
    "patch_temporal": 1,
    "model_channels": 64,
    "num_blocks": 2,
    "num_heads": 2,
    "crossattn_emb_channels": 1024,
    "concat_padding_mask": True,
    "pos_emb_cls": "rope3d",
    "pos_emb_learnable": True,
    "pos_emb_interpolation": "crop",
    "use_adaln_lora": True,
    "adaln_lora_dim": 16,
    "extra_per_block_abs_pos_emb": False,
}
COSMOS_1 = {
    "block_config": "FA-CA-MLP",
    "block_x_format": "THWBD",
    "affline_emb_norm": True,
    "pos_emb_learnable": False,
    "extra_per_block_abs_pos_emb": True,
    "extra_per_block_abs_pos_emb_type": "learnable",
}
CHROMA = {"in_dim": 64, "out_dim": 32, "hidden_dim": 64, "n_layers": 2, "in_channels": 64, "out_channels": 64}
FLUX2 = {
    "in_channels": 128,
    "out_channels": 128,
    "patch_size": 1,
    "axes_dim": [4, 4, 4, 4],
    "qkv_bias": False,
    "guidance_embed": False,
    "global_modulation": True,
    "mlp_silu_act": True,
    "ops_bias": False,
    "txt_ids_dims": [3],
}
IDEOGRAM = {
    "num_layers": 2,
    "intermediate_size": 64,
    "adaln_dim": 32,
    "mrope_section": (4, 2, 2),
    "llm_features_dim": 1024,  # 53248 in full
}
HEADS = {"num_attention_heads": 2, "attention_head_dim": 16}
CASCADE_C = {"c_cond": 64, "c_hidden": [64, 64], "nhead": [2, 2], "blocks": [[1, 1], [1, 1]]}
CASCADE_B = {
    "c_cond": 64,
    "c_hidden": [32, 32, 64, 64],
    "nhead": [-1, -1, 2, 2],
    "blocks": [[1, 1, 1, 1], [1, 1, 1, 1]],
    "block_repeat": [[1, 1, 1, 1], [1, 1, 1, 1]],
}
AURA = {"dim": 128, "n_layers": 2, "n_double_layers": 1, "n_heads": 4, "global_conddim": 128, "max_seq": 64}
HIDREAM = {"num_layers": 1, "num_single_layers": 2, "llama_layers": [0, 1, 2], "axes_dims_rope": [8, 4, 4]}
HIDREAM_SIZE = {"in_channels": 16, "out_channels": 16, "patch_size": 2, "max_resolution": [32, 32]}
HIDREAM_TEXT = {"caption_channels": [4096, 4096], "text_emb_dim": 2048}
HIDREAM_EXPERTS = {"num_routed_experts": 2, "num_activated_experts": 1}
HIDREAM_STREAMS = {"tokens": 4096, "pooled": 2048, "llama.0": 4096, "llama.1": 4096, "llama.2": 4096}
LTXV = {"in_channels": 128, "cross_attention_dim": 32, "caption_channels": 4096, "num_layers": 2}
KANDINSKY = {"model_dim": 32, "ff_dim": 64, "num_visual_blocks": 2, "time_dim": 32, "axes_dims": (4, 6, 6)}
OMNIGEN = {
    "hidden_size": 96,
    "num_layers": 2,
    "num_refiner_layers": 1,
    "num_attention_heads": 4,
    "num_kv_heads": 2,
    "axes_dim_rope": [8, 8, 8],
    "axes_lens": [64, 64, 64],
    "in_channels": 16,
    "patch_size": 2,
}

CASES: Mapping[str, Case] = {
    "SD 1.x": Case("SD 1.x", "SD15", _unet(768), {"tokens": 768}),
    "SD 1.x inpainting": Case("SD 1.x", "SD15", _unet(768, in_channels=9), {"tokens": 768}),
    "SD 1.x instruct": Case("SD 1.x", "SD15_instructpix2pix", _unet(768, in_channels=8), {"tokens": 768}),
    "SD 2.x": Case("SD 2.x", "SD20", _unet(1024), {"tokens": 1024}),
    "SD 2.x unCLIP": Case(
        "SD 2.x",
        "SD21UnclipH",
        _unet(1024, 64, num_classes="sequential", adm_in_channels=2048),
        {"tokens": 1024},
    ),
    "SD x4 upscaler": Case(
        "SD 2.x",
        "SD_X4Upscaler",
        _unet(1024, 64, in_channels=7, num_classes=1000, disable_self_attentions=[True, False]),
        {"tokens": 1024},
        extra={"seed": 10},
    ),
    "SDXL": _sdxl("SDXL", (0, 1), 320),
    "SDXL instruct": _sdxl("SDXL_instructpix2pix", (0, 1, 2), in_channels=8),
    "SDXL refiner": Case(
        "SDXL refiner",
        "SDXLRefiner",
        _unet(1280, 64, num_classes="sequential", adm_in_channels=2560),
        {"tokens": 1280, "pooled": 1280},
    ),
    "SSD-1B": _sdxl("SSD1B", (0, 2, 4)),
    "Segmind Vega": _sdxl("Segmind_Vega", (0, 1, 2)),
    "Koala 700M": _sdxl("KOALA_700M", (0, 2, 5), 32, num_head_channels=32),
    "Koala 1B": _sdxl("KOALA_1B", (0, 2, 6), 32, num_head_channels=32),
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
    "HunyuanDiT": Case("HunyuanDiT", "HunyuanDiT", HYDIT, HYDIT_STREAMS),
    "HunyuanDiT 1.1": Case(
        "HunyuanDiT", "HunyuanDiT1", {**HYDIT, "size_cond": True, "use_style_cond": True}, HYDIT_STREAMS
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
        streams={"tokens": 2304, "pooled": 1024},
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
        HIDREAM_STREAMS,
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
