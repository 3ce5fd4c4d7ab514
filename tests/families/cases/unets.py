"""The families that are U-Nets: small ones, and whole ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .case import Case


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


UNETS: Mapping[str, Case] = {
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
}

FOUR_LEVELS = {
    "num_res_blocks": [2] * 4,
    "channel_mult": [1, 2, 4, 4],
    "transformer_depth": [1] * 6 + [0] * 2,
    "transformer_depth_middle": 1,
    "transformer_depth_output": [1] * 9 + [0] * 3,
}
THREE_LEVELS = {
    "num_res_blocks": [2] * 3,
    "channel_mult": [1, 2, 4],
    "transformer_depth": [0, 0, 2, 2, 10, 10],
    "transformer_depth_middle": 10,
    "transformer_depth_output": [0] * 3 + [2] * 3 + [10] * 3,
    "num_classes": "sequential",
    "adm_in_channels": 2816,
}

# With every block; checked against the number of parameters of the published models.
FULL_SIZE: Mapping[str, Case] = {
    "SD 1.x": Case("SD 1.x", "SD15", _unet(768, **FOUR_LEVELS), {"tokens": 768}, parameters=859_520_964),
    "SD 2.x": Case("SD 2.x", "SD20", _unet(1024, **FOUR_LEVELS), {"tokens": 1024}, parameters=865_910_724),
    "SDXL": Case(
        "SDXL", "SDXL", _unet(2048, **THREE_LEVELS), {"tokens": 2048, "pooled": 1280}, parameters=2_567_463_684
    ),
}
