"""Makes the host know the emoji models' families, so that its stock checkpoint loader reads their files.

After `register()` it tells a file of either family by its weights, as it does any other model.
"""

from __future__ import annotations

from typing import Any, ClassVar

import comfy.latent_formats
import comfy.sd
import comfy.supported_models
import comfy.supported_models_base
import torch
from comfy import sd1_clip
from torch import Tensor

from .compact import WEIGHTS, expand
from .generators import FLUX, UNET, Architecture
from .text_model import EmojiClipModel, expand_token_table
from .vae import teach_vae


class ReceEmojiLatent(comfy.latent_formats.LatentFormat):
    """Latents of unit variance: the first stage scales them itself."""

    scale_factor = 1.0
    latent_channels = 4


class _Stored:
    """What both families do to the weights of a file: eight bits are expanded, and the table of tokens."""

    def process_unet_state_dict(self, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        named: dict[str, Tensor] = super().process_unet_state_dict(expand(state_dict))  # type: ignore[misc]
        return named  # newer hosts give the norms of Flux other names

    def process_vae_state_dict(self, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        named: dict[str, Tensor] = super().process_vae_state_dict(expand(state_dict))  # type: ignore[misc]
        return named

    def process_clip_state_dict(self, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        named: dict[str, Tensor] = super().process_clip_state_dict(state_dict)  # type: ignore[misc]
        return expand_token_table(expand(named))

    def clip_target(self, state_dict: dict[str, Tensor] | None = None) -> Any:
        return comfy.supported_models_base.ClipTarget(sd1_clip.SD1Tokenizer, EmojiClipModel)


class ReceEmojiUNet(_Stored, comfy.supported_models.SD15):
    """SD 1.5 in small: the same kind of U-Net, text encoder and schedule, told from it by its sizes."""

    unet_config: ClassVar[dict[str, Any]] = {
        **comfy.supported_models.SD15.unet_config,
        **{name: UNET[name] for name in ("context_dim", "model_channels", "channel_mult", "num_res_blocks")},
    }
    unet_extra_config: ClassVar[dict[str, Any]] = {"num_heads": UNET["num_heads"], "num_head_channels": -1}
    latent_format = ReceEmojiLatent

    def get_model(self, state_dict: dict[str, Tensor], prefix: str = "", device: Any = None) -> Any:
        model = super().get_model(state_dict, prefix, device)
        # Convolutions on a CPU then need not reorder what goes in and out of them.
        model.diffusion_model.to(memory_format=torch.channels_last)
        return model


class ReceEmojiFlux(_Stored, comfy.supported_models.FluxSchnell):
    """Flux in small: the same class and flow, with one text encoder for both of its streams."""

    unet_config: ClassVar[dict[str, Any]] = {
        **comfy.supported_models.FluxSchnell.unet_config,
        **{name: FLUX[name] for name in ("hidden_size", "context_in_dim", "vec_in_dim", "in_channels")},
    }
    unet_extra_config: ClassVar[dict[str, Any]] = {
        name: FLUX[name] for name in ("num_heads", "axes_dim", "out_channels")
    }
    sampling_settings: ClassVar[dict[str, float]] = {"multiplier": 1.0, "shift": 2.0}
    latent_format = ReceEmojiLatent


def register() -> None:
    """Make the stock loaders know both families; any number of calls, from any copy, count as one."""
    models = comfy.supported_models.models
    known = {model.__name__ for model in models}
    for family in (ReceEmojiUNet, ReceEmojiFlux):
        if family.__name__ not in known:
            models.insert(0, family)
    teach_vae()


def load(architecture: Architecture) -> tuple[Any, Any, Any]:
    """The shipped model as the host's own objects: (ModelPatcher, comfy.sd.CLIP, comfy.sd.VAE).

    Raises:
        ValueError: the weights are missing or damaged.
    """
    register()
    path = WEIGHTS / f"{architecture}.safetensors"
    if not path.is_file():
        raise ValueError(
            f"there is no {path.name} in {path.parent}; an installed pack brings the transformer alone. Choose another "
            "model, or get the pack with git, which has all of them"
        )
    try:
        loaded = comfy.sd.load_checkpoint_guess_config(str(path))
    except Exception as error:
        raise ValueError(f"{path} cannot be read ({error}); reinstall the pack to get it back") from error
    if any(part is None for part in loaded[:3]):
        raise ValueError(f"{path} holds no complete model; reinstall the pack to get it back")
    model, clip, vae = loaded[:3]
    return model, clip, vae
