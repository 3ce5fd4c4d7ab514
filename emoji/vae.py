"""Teaches the host's VAE the emoji models' first stage, in the way the shapes model does it."""

from __future__ import annotations

from functools import wraps
from typing import Any

import comfy.sd
import torch
from torch import Tensor

from .autoencoder import CHANNELS, PIXELS_PER_LATENT, Autoencoder

_MARK = "latent_decoder.0.weight"


def _install(vae: Any, state_dict: dict[str, Tensor]) -> None:
    """Give a freshly made host VAE the emoji models' first stage, the way the host's own constructor does."""
    autoencoder = Autoencoder().eval()
    autoencoder.load_state_dict(state_dict)
    vae.first_stage_model = autoencoder.to(vae.vae_dtype)
    vae.latent_channels = CHANNELS
    vae.downscale_ratio = vae.upscale_ratio = PIXELS_PER_LATENT

    def estimate_encoding(shape: tuple[int, ...], dtype: torch.dtype) -> int:
        return 512 * shape[2] * shape[3] * dtype.itemsize

    def estimate_decoding(shape: tuple[int, ...], dtype: torch.dtype) -> int:
        return 8192 * shape[2] * shape[3] * dtype.itemsize

    vae.memory_used_encode, vae.memory_used_decode = estimate_encoding, estimate_decoding
    vae.patcher = type(vae.patcher)(
        autoencoder, load_device=vae.patcher.load_device, offload_device=vae.patcher.offload_device
    )
    vae.size = None
    vae.model_size()


def teach_vae() -> None:
    """Wrap the host's VAE constructor, once: it picks a first stage by its weights' names and knows no other way."""
    construct = comfy.sd.VAE.__init__
    if getattr(construct, "knows_rece_emoji", False):
        return

    @wraps(construct)
    def construct_with_emoji(self: Any, sd: Any = None, *args: Any, **kwargs: Any) -> None:
        if sd is None or _MARK not in sd:
            construct(self, sd, *args, **kwargs)
            return
        # The host's simplest first stage has no weights; built around it, the VAE has all that this host version needs.
        construct(self, {"pixel_space_vae": torch.tensor(1.0)}, *args, **kwargs)
        _install(self, sd)

    construct_with_emoji.knows_rece_emoji = True  # type: ignore[attr-defined]
    comfy.sd.VAE.__init__ = construct_with_emoji
