"""Write a checkpoint of SD 2.x or SDXL with text encoders of full size and random weights, in fp16.

    PYTHON_OF_THE_HOST make_random_checkpoint.py FOLDER_OF_THE_HOST sd2|sdxl FILE

SD 2.x has 2.6 GB. SDXL has 3.3 GB: its U-Net is that of Segmind Vega, the smallest that the host takes for an SDXL.
Shapes and names come from the host's own classes, on the meta device.
"""

from __future__ import annotations

import sys
from typing import Any

import torch
from make_random_sd15 import POOL, U_NET, VAE, fill
from safetensors.torch import save_file
from torch import Tensor, nn

SD2 = {**U_NET, "context_dim": 1024, "num_heads": -1, "num_head_channels": 64, "use_linear_in_transformer": True}
VEGA = {
    **SD2,
    "context_dim": 2048,
    "num_classes": "sequential",
    "adm_in_channels": 2816,
    "num_res_blocks": [2] * 3,
    "channel_mult": [1, 2, 4],
    "transformer_depth": [0, 0, 1, 1, 2, 2],
    "transformer_depth_output": [0, 0, 0, 1, 1, 1, 2, 2, 2],
    "transformer_depth_middle": -1,
}


def main(host: str, kind: str, file: str) -> None:
    sys.path.insert(0, host)
    import comfy.cli_args

    comfy.cli_args.args.cpu = True  # before anything else of the host asks for a device
    with torch.device("meta"):
        shapes = {"sd2": list_sd2, "sdxl": list_sdxl}[kind]()
    pool = torch.randn(POOL, generator=torch.Generator().manual_seed(0)).half()
    save_file({name: fill_text(name, like.shape, pool) for name, like in shapes.items()}, file)


def fill_text(name: str, shape: torch.Size, pool: Tensor) -> Tensor:
    """As `fill`, but with norms and biases of text encoders that differ, so that mixing them up would show."""
    filled = fill(name, shape, pool)
    if len(shape) == 1 and name.startswith(("cond_stage_model.", "conditioner.")):
        filled += pool[(start := sum(name.encode()) % 1000) : start + shape.numel()] / 10
    return filled


def list_sd2() -> dict[str, Tensor]:
    """The weights of SD 2.x, without memory, by their names in a checkpoint."""
    from comfy.text_encoders.sd2_clip import SD2ClipHModel

    return {
        **_list_rest(SD2),
        **{f"cond_stage_model.model.{name}": weight for name, weight in _name_by_openclip(SD2ClipHModel).items()},
    }


def list_sdxl() -> dict[str, Tensor]:
    """The weights of SDXL with a smaller U-Net."""
    import comfy.sd1_clip
    from comfy.sdxl_clip import SDXLClipG

    first = comfy.sd1_clip.SDClipModel(device="meta", dtype=torch.float16).transformer.text_model
    return {
        **_list_rest(VEGA),
        **{f"conditioner.embedders.0.transformer.text_model.{k}": v for k, v in first.state_dict().items()},
        **{f"conditioner.embedders.1.model.{name}": v for name, v in _name_by_openclip(SDXLClipG).items()},
    }


def _list_rest(u_net: dict[str, Any]) -> dict[str, Tensor]:
    import comfy.ops
    from comfy.ldm.models.autoencoder import AutoencoderKL
    from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel

    parts: dict[str, nn.Module] = {
        "model.diffusion_model.": UNetModel(**u_net, dtype=torch.float16, operations=comfy.ops.manual_cast),
        "first_stage_model.": AutoencoderKL(ddconfig=VAE, embed_dim=4),
    }
    return {prefix + name: each for prefix, part in parts.items() for name, each in part.state_dict().items()}


def _name_by_openclip(encoder: Any) -> dict[str, Tensor]:
    from comfy.diffusers_convert import convert_text_enc_state_dict_v20

    named = encoder(device="meta", dtype=torch.float16).transformer.state_dict()
    converted = convert_text_enc_state_dict_v20({f"transformer.{name}": weight for name, weight in named.items()})
    return dict(converted)


if __name__ == "__main__":
    main(*sys.argv[1:])
