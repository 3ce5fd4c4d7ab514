"""Write a Stable Diffusion 1.x checkpoint of full size with random weights, in fp16 (2.1 GB).

    PYTHON_OF_THE_HOST make_random_sd15.py FOLDER_OF_THE_HOST FILE

The shapes come from the host's own classes, on the meta device.
"""

from __future__ import annotations

import math
import sys

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

U_NET = {
    "image_size": 32,
    "in_channels": 4,
    "out_channels": 4,
    "model_channels": 320,
    "num_res_blocks": [2] * 4,
    "channel_mult": [1, 2, 4, 4],
    "num_heads": 8,
    "use_spatial_transformer": True,
    "transformer_depth": [1] * 6 + [0] * 2,
    "transformer_depth_middle": 1,
    "transformer_depth_output": [1] * 9 + [0] * 3,
    "context_dim": 768,
    "use_linear_in_transformer": False,
    "legacy": False,
}
VAE = {
    "double_z": True,
    "z_channels": 4,
    "resolution": 256,
    "in_channels": 3,
    "out_ch": 3,
    "ch": 128,
    "ch_mult": [1, 2, 4, 4],
    "num_res_blocks": 2,
    "attn_resolutions": [],
    "dropout": 0.0,
}
POOL = 1 << 24


def main(host: str, file: str) -> None:
    sys.path.insert(0, host)
    pool = torch.randn(POOL, generator=torch.Generator().manual_seed(0)).half()
    weights = {}
    for prefix, part in make_parts().items():
        for name, like in part.state_dict().items():
            weights[prefix + name] = fill(name, like.shape, pool)
    save_file(weights, file)


def make_parts() -> dict[str, nn.Module]:
    """U-Net, text encoder and VAE without memory, by the prefix of their names in a checkpoint."""
    import comfy.cli_args

    comfy.cli_args.args.cpu = True  # before anything else of the host asks for a device

    import comfy.ops
    import comfy.sd1_clip
    from comfy.ldm.models.autoencoder import AutoencoderKL
    from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel

    with torch.device("meta"):
        text_encoder = comfy.sd1_clip.SDClipModel(device="meta", dtype=torch.float16)
        return {
            "model.diffusion_model.": UNetModel(**U_NET, dtype=torch.float16, operations=comfy.ops.manual_cast),
            "cond_stage_model.transformer.text_model.": text_encoder.transformer.text_model,
            "first_stage_model.": AutoencoderKL(ddconfig=VAE, embed_dim=4),
        }


def fill(name: str, shape: torch.Size, pool: Tensor) -> Tensor:
    """Zeros for biases, ones for norms, else numbers that keep the size of what passes through; fp16."""
    if name.endswith("bias"):
        return torch.zeros(shape, dtype=torch.float16)
    if len(shape) == 1:
        return torch.ones(shape, dtype=torch.float16)
    count = shape.numel()
    inputs = 1 if "embedding" in name else count // shape[0]
    start = sum(name.encode()) % 1000
    numbers = torch.empty(count, dtype=torch.float16)
    for part in numbers.split(POOL - 1000):
        torch.div(pool[start : start + len(part)], math.sqrt(inputs), out=part)
    return numbers.view(shape)


if __name__ == "__main__":
    main(*sys.argv[1:])
