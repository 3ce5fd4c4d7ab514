"""LoRA files of SD 1.x and SDXL in diffusers: its own loader gives the weights that the erasure gives.

What diffusers calls which weight is its own word too: `convert_ldm_unet_checkpoint`, which it loads checkpoints with.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline, UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint
from safetensors.torch import save_file
from torch import Tensor

from rece_core.lora_file import LoraFile, make_lora
from tests.core.loras import change_weights, make_erasure, make_model
from tests.core.random_models import deviation
from tests.core.unets import SD1, SDXL, UNet

ROUNDING = 1e-3  # of what changes: an automatic rank leaves out no more, and float16 adds little to it

CASES = pytest.mark.parametrize(
    ("structure", "pipeline"), [(SD1, StableDiffusionPipeline), (SDXL, StableDiffusionXLPipeline)], ids=["SD1", "SDXL"]
)
BOTH_NAMINGS = pytest.mark.parametrize("for_diffusers", [False, True], ids=["kohya", "diffusers"])


def make(
    structure: UNet, *, sealed: bool, for_diffusers: bool
) -> tuple[dict[str, Tensor], dict[str, Tensor], LoraFile]:
    """Original and erased weights by the names of checkpoints, and the LoRA."""
    original = structure.make_weights()
    model = make_model(original)
    erasure = make_erasure(model, sealed=sealed)
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
    original, erased, lora = make(structure, sealed=False, for_diffusers=for_diffusers)
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
def test_a_sealed_one_draws_the_same(structure: UNet, pipeline: Any, tmp_path: Path) -> None:
    original, erased, lora = make(structure, sealed=True, for_diffusers=True)
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
def test_a_sealed_one_with_the_names_of_others_is_refused(structure: UNet, pipeline: Any, tmp_path: Path) -> None:
    original, _, lora = make(structure, sealed=True, for_diffusers=False)
    unet, _ = load(structure, original)
    with pytest.raises(ValueError, match=r"(?s)not been correctly renamed.*diff_b"):
        add_lora(unet, pipeline, lora, tmp_path)
