"""What other programs call the layers of a model in LoRA files.

ComfyUI reads a layer's own name, `diffusion_model.txt_in`, in every family. Others read less, so a file gets the names
that most of them read: for U-Nets kohya's, `lora_unet_…`, by the blocks of diffusers for SD 1.x and 2.x and by the
model's own for SDXL, as they are trained; for transformers those of diffusers where ComfyUI knows them too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

KOHYA = "lora_unet_"
GENERIC = "diffusion_model."
TO_POOLED = "label_emb.0.0"  # SDXL and relatives have it
TO_CLASSES = {TO_POOLED: "add_embedding.linear_1"}

FLUX = {"txt_in": "context_embedder", "vector_in.in_layer": "time_text_embed.text_embedder.linear_1"}
# What diffusers calls layers of transformers. ComfyUI reads these names too ...
TRANSFORMERS: Mapping[str, Mapping[str, str]] = {
    "SD3": {"context_embedder": "context_embedder", "y_embedder.mlp.0": "time_text_embed.text_embedder.linear_1"},
    "AuraFlow": {"cond_seq_linear": "context_embedder"},
    "Chroma": FLUX,
    "Flux.1": FLUX,
    "Flux.2": FLUX,
    "LongCat-Image": FLUX,
    "Ovis-Image": FLUX,
}
# ... and not these, or not in every version.
FOR_DIFFUSERS: Mapping[str, Mapping[str, str]] = {
    "HunyuanVideo": {
        "txt_in.input_embedder": "context_embedder.proj_in",
        "txt_in.c_embedder.in_layer": "context_embedder.time_text_embed.text_embedder.linear_1",
        "vector_in.in_layer": "time_text_embed.text_embedder.linear_1",
    },
    "LTX-Video": {"caption_projection.linear_1": "caption_projection.linear_1"},
    "Qwen-Image": {"txt_in": "txt_in"},
    "Wan": {"text_embedding.0": "condition_embedder.text_embedder.linear_1"},
}

# What LoRA trainers write into the header, by which A1111 and Forge tell whom to show a file to.
ARCHITECTURES: Mapping[str, Mapping[str, str]] = {
    "SD 1.x": {"ss_base_model_version": "sd_v1", "modelspec.architecture": "stable-diffusion-v1/lora"},
    "SD 2.x": {"ss_base_model_version": "sd_v2", "ss_v2": "True"},
    "SDXL": {
        "ss_base_model_version": "sdxl_base_v1-0",
        "modelspec.architecture": "stable-diffusion-xl-v1-base/lora",
    },
    "Flux.1": {"ss_base_model_version": "flux1", "modelspec.architecture": "flux-1-dev/lora"},
}


def name_layers(
    layers: Iterable[str], names: Collection[str], family: str, for_diffusers: bool = False
) -> dict[str, str]:
    """The name in a LoRA file of each of `layers`, of a model of `family` whose weights have `names`.

    All as in the model, without the prefix of the diffusion model; layers without their `.weight`. `for_diffusers`: the
    names that diffusers reads, instead of those that ComfyUI and as many others as can read. Raises ValueError where it
    is not known what diffusers calls a layer.
    """
    blocks = _map_blocks(names)
    own_blocks = f"{TO_POOLED}.weight" in names
    known = {**TRANSFORMERS.get(family, {}), **(FOR_DIFFUSERS.get(family, {}) if for_diffusers else {})}
    found = {}
    for layer in layers:
        there = known.get(layer)
        in_unet = _name_in_unet(layer, blocks)
        if there:
            found[layer] = f"transformer.{there}"
        elif for_diffusers and not in_unet:
            raise ValueError(
                f"what diffusers calls the layer {layer!r} of {family} is not known. Choose the format 'LoRA', which "
                "ComfyUI reads for every model, or save the whole checkpoint."
            )
        elif in_unet:
            found[layer] = f"unet.{in_unet}" if for_diffusers else KOHYA + (layer if own_blocks else in_unet)
        else:
            found[layer] = f"{GENERIC}{layer}"
    return {layer: name.replace(".", "_") if name.startswith(KOHYA) else name for layer, name in found.items()}


def _name_in_unet(layer: str, blocks: Mapping[str, str]) -> str | None:
    if blocks and layer in TO_CLASSES:
        return TO_CLASSES[layer]
    return next((f"{blocks[ours]}{layer[len(ours) :]}" for ours in blocks if layer.startswith(f"{ours}.")), None)


def _map_blocks(names: Collection[str]) -> dict[str, str]:
    """What diffusers calls the attention blocks of a U-Net with weights of these names; empty for other models.

    A level ends at the block that changes the size of the picture: by `op` on the way down, by `conv` on the way up.
    """
    blocks = {}
    for ours, theirs, first, end in (("input", "down", 1, "0.op"), ("output", "up", 0, "[12].conv")):
        numbers = {int(name.split(".")[1]) for name in names if name.startswith(f"{ours}_blocks.")}
        ends = re.compile(rf"{ours}_blocks\.(\d+)\.{end}\.weight")
        last = {int(match[1]) for name in names if (match := ends.fullmatch(name))}
        level = place = 0
        for number in sorted(numbers)[first:]:  # the first on the way down is a convolution
            blocks[f"{ours}_blocks.{number}.1"] = f"{theirs}_blocks.{level}.attentions.{place}"
            level, place = (level + 1, 0) if number in last else (level, place + 1)
    return {**blocks, "middle_block.1": "mid_block.attentions.0"} if blocks else {}
