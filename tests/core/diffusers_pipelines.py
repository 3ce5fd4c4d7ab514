"""Small pipelines of diffusers of random weights, and checkpoints of the same weights; nothing is downloaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
)

from tests.core.checkpoints import LAYERS, WORDS, make_encoder, make_encoders, save_tokenizer
from tests.core.unets import SD1, SDXL, UNet

SD2 = UNet((32, 64), (1, 1), 1024, pooled=False)
STRUCTURES = {"sd1": SD1, "sd2": SD2, "sdxl": SDXL}
ENDS = {"bos_token_id": WORDS - 2, "eos_token_id": WORDS - 1}
PREFIXES = {
    "sd1": ("cond_stage_model.transformer.text_model.",),
    "sd2": ("cond_stage_model.model.",),
    "sdxl": ("conditioner.embedders.0.transformer.text_model.", "conditioner.embedders.1.model."),
}
SEEDS = {"sd1": ((768, 1),), "sd2": ((1024, 2),), "sdxl": ((768, 3), (1280, 4))}  # as `make_encoders` has them


def make_stored(kind: str) -> dict[str, Tensor]:
    """A checkpoint file's weights: those of `make_pipeline`'s diffusion model that matter, and the text encoders'."""
    inside = {f"model.diffusion_model.{name}": each for name, each in STRUCTURES[kind].make_weights().items()}
    return inside | make_encoders(kind)


def name_for_diffusers(stored: Mapping[str, Tensor], unet: Any) -> dict[str, Tensor]:
    """The weights of a checkpoint that matter to the text by diffusers' names, as diffusers itself converts them."""
    named = convert_ldm_unet_checkpoint(dict(stored), unet.config)
    return {name: each for name, each in named.items() if "attn2" in name or "add_embedding" in name}


def make_pipeline(kind: str, folder: Path) -> Any:
    """A pipeline with the weights of `make_stored(kind)`, of sd1, sd2, sdxl; tokenizers are made in `folder`."""
    torch.manual_seed(0)  # for all that is not among the weights
    unet = UNet2DConditionModel(**STRUCTURES[kind].config, sample_size=8)
    found = unet.load_state_dict(name_for_diffusers(make_stored(kind), unet), strict=False)
    assert not found.unexpected_keys
    tokenizers = [make_clip_tokenizer(folder / f"tokenizer {place}", place, kind) for place in range(2)]
    parts = {"unet": unet, "scheduler": DDIMScheduler(steps_offset=1, clip_sample=False), "vae": make_vae(4)}
    first, *second = (make_clip(kind, place) for place in range(len(SEEDS[kind])))
    parts |= {"text_encoder": first, "tokenizer": tokenizers[0]}
    if second:
        return StableDiffusionXLPipeline(**parts, text_encoder_2=second[0], tokenizer_2=tokenizers[1])
    return StableDiffusionPipeline(**parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False)


def make_clip(kind: str, place: int) -> Any:
    """One text encoder with the weights that the checkpoint stores, as diffusers keeps it.

    Of SD 2.x it has no last layer: its output is that of the last but one, normed.
    """
    width, seed = SEEDS[kind][place]
    pooled, layers = place == 1, LAYERS - (kind == "sd2")
    config = CLIPTextConfig(
        vocab_size=WORDS,
        hidden_size=width,
        intermediate_size=16,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        hidden_act="quick_gelu" if width == 768 else "gelu",
        projection_dim=width,
        **ENDS,
    )
    with torch.device("meta"):  # numbers that are replaced anyway would take seconds
        model = (CLIPTextModelWithProjection if pooled else CLIPTextModel)(config)
    model.to_empty(device="cpu")
    for name, buffer in model.named_buffers():
        assert name.endswith("position_ids")
        buffer.copy_(torch.arange(77))
    weights = make_encoder(width, seed)
    if pooled:
        stored = make_encoders(kind)[f"{PREFIXES[kind][1]}text_projection"].float()
        weights["text_projection.weight"] = stored.T.contiguous()
    weights = {name: each.to(torch.float8_e4m3fn).float() for name, each in weights.items()}
    missing = load_by_end(model, weights)
    assert not missing, missing
    return model.eval()


def load_by_end(model: Any, weights: Mapping[str, Tensor]) -> list[str]:
    """Load `weights` by names that versions of transformers put different prefixes before; what was not found."""
    missing = []
    state = model.state_dict()
    for name in state:
        bare = name.removeprefix("text_model.")
        if bare in weights:
            state[name] = weights[bare]
        elif "position_ids" not in name:
            missing.append(name)
    model.load_state_dict(state)
    return missing


def make_clip_tokenizer(folder: Path, place: int, kind: str) -> CLIPTokenizer:
    """CLIP's kind, letter by letter; the second, and that of SD 2.x, fill up with the token 0."""
    save_tokenizer(folder)
    if place or kind == "sd2":
        words = json.loads((folder / "vocab.json").read_text("utf-8")) | {"!": 0}
        (folder / "vocab.json").write_text(json.dumps(words), "utf-8")
    padding = "!" if place or kind == "sd2" else "<|endoftext|>"
    tokenizer = CLIPTokenizer.from_pretrained(folder, pad_token=padding)
    tokenizer.model_max_length = 77
    return tokenizer


def make_vae(channels: int) -> AutoencoderKL:
    return AutoencoderKL(latent_channels=channels, block_out_channels=(32,), norm_num_groups=8)


def make_t5(width: int) -> tuple[T5EncoderModel, Any]:
    """A small T5 and a tokenizer of its kind: letters, and one end behind them."""
    letters = enumerate("abcdefghijklmnopqrstuvwxyz ,.'-", start=2)
    vocabulary = {"<pad>": 0, "</s>": 1, **{letter: place for place, letter in letters}}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>")
    config = T5Config(vocab_size=len(vocabulary), d_model=width, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    return T5EncoderModel(config).eval(), fast


def make_narrow_clip(width: int) -> Any:
    torch.manual_seed(width)
    return CLIPTextConfig(
        vocab_size=WORDS,
        hidden_size=width,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        projection_dim=width,
        **ENDS,
    )


def make_sd3(folder: Path, t5: bool = True) -> StableDiffusion3Pipeline:
    """A small SD3: CLIPs of 16 and 24, T5 of 64."""
    torch.manual_seed(0)
    transformer = SD3Transformer2DModel(
        num_attention_heads=2,
        attention_head_dim=16,
        num_layers=1,
        in_channels=4,
        out_channels=4,
        sample_size=8,
        joint_attention_dim=64,
        pooled_projection_dim=40,
        caption_projection_dim=32,
        pos_embed_max_size=16,
    )
    encoder, words = make_t5(64)
    return StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=make_vae(4),
        text_encoder=CLIPTextModelWithProjection(make_narrow_clip(16)).eval(),
        tokenizer=make_clip_tokenizer(folder / "tokenizer 0", 0, "sd3"),
        text_encoder_2=CLIPTextModelWithProjection(make_narrow_clip(24)).eval(),
        tokenizer_2=make_clip_tokenizer(folder / "tokenizer 1", 1, "sd3"),
        text_encoder_3=encoder if t5 else None,
        tokenizer_3=words if t5 else None,
    )


def make_flux(folder: Path) -> FluxPipeline:
    """A small Flux.1: CLIP of 24, T5 of 48."""
    torch.manual_seed(0)
    transformer = FluxTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=16,
        num_layers=1,
        num_single_layers=1,
        in_channels=16,
        joint_attention_dim=48,
        pooled_projection_dim=24,
        axes_dims_rope=(4, 4, 8),
    )
    encoder, words = make_t5(48)
    return FluxPipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=make_vae(4),
        text_encoder=CLIPTextModel(make_narrow_clip(24)).eval(),
        tokenizer=make_clip_tokenizer(folder / "tokenizer 0", 0, "flux"),
        text_encoder_2=encoder,
        tokenizer_2=words,
    )
