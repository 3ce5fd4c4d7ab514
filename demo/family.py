"""Makes the host know the demo model's family, and loads the model that ships with the pack.

After `register()` the stock checkpoint loader detects a file of this family by its weights, as it does any other model.
"""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import Any, ClassVar

import comfy.latent_formats
import comfy.model_base
import comfy.ops
import comfy.sd
import comfy.supported_models
import comfy.supported_models_base
import comfy.utils
import torch
from comfy import sd1_clip

from .autoencoder import PIXELS_PER_LATENT, Autoencoder
from .text_model import DemoClipModel, expand_token_table

WEIGHTS = Path(__file__).parent / "weights" / "demo.safetensors"
_NORM_GROUPS = 8
_VAE_MARK = "shape_decoder.0.weight"


class ReceDemoLatent(comfy.latent_formats.LatentFormat):
    """Latents are mean colours in -1..1 and their luma, so the preview is the picture itself, coarsely."""

    scale_factor = 1.4
    latent_channels = 4

    def __init__(self) -> None:
        half = 0.5 / self.scale_factor
        self.latent_rgb_factors = [[half, 0.0, 0.0], [0.0, half, 0.0], [0.0, 0.0, half], [0.0, 0.0, 0.0]]
        self.latent_rgb_factors_bias = [0.0, 0.0, 0.0]


def group_norm_operations(operations: Any) -> Any:
    """The host's layers with 8 groups in every GroupNorm: 32 do not divide 48 channels."""

    class Operations(operations):
        class GroupNorm(operations.GroupNorm):
            def __init__(self, num_groups: int, *args: Any, **kwargs: Any):
                super().__init__(_NORM_GROUPS, *args, **kwargs)

    return Operations


class ReceDemo(comfy.supported_models.SD15):
    """SD 1.5 in miniature: the same kind of U-Net, text encoder and schedule, told from it by its sizes."""

    unet_config: ClassVar[dict[str, Any]] = {
        **comfy.supported_models.SD15.unet_config,
        "context_dim": 128,
        "model_channels": 48,
        "channel_mult": [1, 2],
        "num_res_blocks": [1, 1],
        "transformer_depth": [0, 1],
        "transformer_depth_middle": 1,
    }
    unet_extra_config: ClassVar[dict[str, Any]] = {"num_heads": 4, "num_head_channels": -1}
    latent_format = ReceDemoLatent
    custom_operations: Any = None

    def get_model(self, state_dict: dict[str, torch.Tensor], prefix: str = "", device: Any = None) -> Any:
        # As the host's own choice: layers that cast their weights on each call only where they must.
        plain = comfy.ops.disable_weight_init if self.manual_cast_dtype is None else comfy.ops.manual_cast
        self.custom_operations = group_norm_operations(self.custom_operations or plain)
        model = super().get_model(state_dict, prefix, device)
        # Convolutions on a CPU then need not reorder what goes in and out of them.
        model.diffusion_model.to(memory_format=torch.channels_last)
        return model

    def process_clip_state_dict(self, state_dict: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        expand_token_table(state_dict)
        return super().process_clip_state_dict(state_dict)

    def clip_target(self, state_dict: dict[str, torch.Tensor] | None = None) -> Any:
        return comfy.supported_models_base.ClipTarget(sd1_clip.SD1Tokenizer, DemoClipModel)


def _install_autoencoder(vae: Any, state_dict: dict[str, torch.Tensor]) -> None:
    """Give a freshly made host VAE the demo model's first stage, the way the host's own constructor does."""
    autoencoder = Autoencoder().eval()
    autoencoder.load_state_dict(state_dict)
    vae.first_stage_model = autoencoder.to(vae.vae_dtype)
    vae.latent_channels = 4
    vae.downscale_ratio = vae.upscale_ratio = PIXELS_PER_LATENT

    def estimate_encoding(shape: tuple[int, ...], dtype: torch.dtype) -> int:
        return 8 * shape[2] * shape[3] * dtype.itemsize

    def estimate_decoding(shape: tuple[int, ...], dtype: torch.dtype) -> int:
        return 2048 * shape[2] * shape[3] * dtype.itemsize

    vae.memory_used_encode, vae.memory_used_decode = estimate_encoding, estimate_decoding
    vae.patcher = type(vae.patcher)(
        autoencoder, load_device=vae.patcher.load_device, offload_device=vae.patcher.offload_device
    )
    vae.size = None
    vae.model_size()


def _teach_vae(vae_class: Any) -> None:
    """Wrap the host's VAE constructor: it picks a first stage by the names of the weights and knows no other way."""
    construct = vae_class.__init__

    @wraps(construct)
    def construct_with_demo(self: Any, sd: Any = None, *args: Any, **kwargs: Any) -> None:
        if sd is None or _VAE_MARK not in sd:
            construct(self, sd, *args, **kwargs)
            return
        # The host's simplest first stage has no weights; built around it, the VAE has all that this host version needs.
        construct(self, {"pixel_space_vae": torch.tensor(1.0)}, *args, **kwargs)
        _install_autoencoder(self, sd)

    construct_with_demo.knows_rece_demo = True  # type: ignore[attr-defined]
    vae_class.__init__ = construct_with_demo


def register() -> None:
    """Make the stock loaders know the demo model's family; any number of calls, from any copy, count as one."""
    models = comfy.supported_models.models
    if not any(model.__name__ == ReceDemo.__name__ for model in models):
        models.insert(0, ReceDemo)
    if not getattr(comfy.sd.VAE.__init__, "knows_rece_demo", False):
        _teach_vae(comfy.sd.VAE)


def _is_complete(model: Any, vae: Any, stored: set[str]) -> bool:
    """Whether a file had every weight; the host itself only logs what it misses."""
    if vae.first_stage_model is None:
        return False
    needed = {f"model.diffusion_model.{key}" for key in model.model.diffusion_model.state_dict()}
    return needed | {f"first_stage_model.{key}" for key in vae.first_stage_model.state_dict()} <= stored


def load_demo_model(path: Path = WEIGHTS) -> tuple[Any, Any, Any]:
    """The shipped model as the host's own objects: (ModelPatcher, comfy.sd.CLIP, comfy.sd.VAE).

    Raises:
        ValueError: the weights are missing or damaged.
    """
    register()
    if not path.is_file():
        raise ValueError(f"the demo model's weights are missing: expected the file {path}; reinstall the pack")
    try:
        state_dict, metadata = comfy.utils.load_torch_file(str(path), return_metadata=True)
        stored = set(state_dict)
        loaded = comfy.sd.load_state_dict_guess_config(state_dict, output_vae=True, output_clip=True, metadata=metadata)
    except Exception as error:
        raise ValueError(
            f"the demo model's weights cannot be read from {path} ({error}); expected the safetensors file "
            "that ships with the pack: reinstall the pack to get it back"
        ) from error
    if loaded is None or any(part is None for part in loaded[:3]) or not _is_complete(loaded[0], loaded[2], stored):
        raise ValueError(f"{path} holds no complete demo model (U-Net, text encoder, VAE); reinstall the pack")
    model, clip, vae = loaded[:3]
    return model, clip, vae
