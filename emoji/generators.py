"""The two generators: the host's own classes, a U-Net as in SD 1 and a transformer as in Flux, in small."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from .autoencoder import CHANNELS
from .text_network import WIDTH

Architecture = Literal["unet", "flux"]

#: How they are sampled.
STEPS, CFG, SAMPLER = 12, 4.0, "euler"
SCHEDULERS: dict[Architecture, str] = {"unet": "normal", "flux": "simple"}

UNET: dict[str, Any] = {
    "image_size": 16,
    "in_channels": CHANNELS,
    "out_channels": CHANNELS,
    "model_channels": 96,
    "channel_mult": [1, 2],
    "num_res_blocks": [1, 2],
    "transformer_depth": [1, 1, 1],
    "transformer_depth_output": [1, 1, 1, 1, 1],
    "transformer_depth_middle": 1,
    "context_dim": WIDTH,
    "num_heads": 6,
    "use_spatial_transformer": True,
    "use_linear_in_transformer": False,
    "legacy": False,
}
FLUX: dict[str, Any] = {
    "in_channels": CHANNELS,
    "out_channels": CHANNELS,
    "vec_in_dim": WIDTH,
    "context_in_dim": WIDTH,
    "hidden_size": 256,
    "mlp_ratio": 4.0,
    "num_heads": 4,
    "depth": 2,
    "depth_single_blocks": 4,
    "axes_dim": [16, 24, 24],
    "theta": 10000,
    "patch_size": 2,
    "qkv_bias": True,
    "guidance_embed": False,
}
#: Weights that begin at zero, so that blocks begin as the identity and the text is silent at first.
_SILENT: dict[Architecture, tuple[str, ...]] = {
    "unet": ("out.2.weight", "attn2.to_out.0.weight", "out_layers.3.weight"),
    "flux": ("lin.weight", "adaLN_modulation.1.weight", "final_layer.linear.weight"),
}


def build_generator(architecture: Architecture, device: torch.device | str = "cpu", seed: int = 1) -> nn.Module:
    """The host's network with fresh weights, float32; the host's path must be set up."""
    import comfy.ops
    from comfy.ldm.flux.model import Flux
    from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel

    made = {"unet": UNetModel, "flux": Flux}[architecture]
    sizes = {"unet": UNET, "flux": FLUX}[architecture]
    torch.manual_seed(seed)
    network: nn.Module = made(**sizes, dtype=torch.float32, device=device, operations=comfy.ops.disable_weight_init)
    _fill(network, _SILENT[architecture])
    return network.to(memory_format=torch.channels_last) if architecture == "unet" else network


def _fill(network: nn.Module, silent: tuple[str, ...]) -> None:
    """Fresh weights, since the host's layers come uninitialised; keys of the text begin small, see `demo/README.md`."""
    for name, parameter in network.named_parameters():
        if parameter.ndim == 1 or name.endswith(silent):
            nn.init.zeros_(parameter)
        else:
            gain = 0.1 if "attn2.to_k" in name else 1.0
            nn.init.normal_(parameter, std=gain * parameter[0].numel() ** -0.5)
    for module in network.modules():
        if isinstance(module, (nn.GroupNorm, nn.LayerNorm)) and module.weight is not None:
            nn.init.ones_(module.weight)
        elif type(module).__name__ == "RMSNorm":
            nn.init.ones_(module.get_parameter("scale"))


def allow_gradients(network: nn.Module) -> nn.Module:
    """Make the network fit for training, in place; the weights and their names stay.

    The host's transformer adds to its residual streams in place, where norms have kept their input for the gradient:
    they are handed copies. The streams themselves stay in float32 under autocast, where sums of many would lose digits.
    """

    def copy_input(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(each.clone() for each in inputs)

    def as_float32(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return output.float()

    if hasattr(network, "double_blocks"):
        for module in network.modules():
            if isinstance(module, nn.LayerNorm):
                module.register_forward_pre_hook(copy_input)
        for stream in ("img_in", "txt_in"):
            network.get_submodule(stream).register_forward_hook(as_float32)
    return network


def signal_levels() -> Tensor:
    """Cumulative product of alphas, (1000,), of SD 1's schedule (betas linear in their square root)."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    return (1 - betas).cumprod(0).float()
