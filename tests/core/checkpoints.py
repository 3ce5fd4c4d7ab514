"""Small checkpoints for tests: names, widths and kinds of the real ones, few and narrow layers, random weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.core.random_models import randn

WORDS = 49408  # CLIP's vocabulary, whose last two tokens are start and end
WIDTHS = {"sd1": 768, "sd2": 1024, "sdxl": 2048, "refiner": 1280}
POOLED = {"sdxl": 2816, "refiner": 2560}  # with what tells the size of the picture
ATTENTION = "model.diffusion_model.input_blocks.{}.1.transformer_blocks.0.attn2."
LAYERS = 2  # of every text encoder


def make_checkpoint(kind: str, dtype: torch.dtype = torch.float16, in_channels: int = 4) -> dict[str, Tensor]:
    """The weights of a small checkpoint of `kind`, one of sd1, sd2, sdxl, refiner."""
    return make_model(kind, dtype, in_channels) | make_encoders(kind)


def make_model(kind: str, dtype: torch.dtype = torch.float16, in_channels: int = 4) -> dict[str, Tensor]:
    """The same without its text encoders."""
    width = WIDTHS[kind]
    weights: dict[str, Tensor] = {"model.diffusion_model.input_blocks.0.0.weight": randn(1, 8, in_channels, 3, 3)}
    for number, rows in enumerate((12, 20), start=1):
        start, seed = ATTENTION.format(number), 10 * number
        weights[f"{start}to_q.weight"] = randn(seed, rows, rows)
        weights[f"{start}to_k.weight"] = randn(seed + 1, rows, width) / width**0.5
        weights[f"{start}to_v.weight"] = randn(seed + 2, rows, width) / width**0.5
        weights[f"{start}to_out.0.weight"] = randn(seed + 3, rows, rows)
        weights[f"{start}to_out.0.bias"] = randn(seed + 4, rows)
    if kind in POOLED:
        weights["model.diffusion_model.label_emb.0.0.weight"] = randn(5, 16, POOLED[kind]) / POOLED[kind] ** 0.5
        weights["model.diffusion_model.label_emb.0.0.bias"] = randn(6, 16)
    weights["first_stage_model.decoder.conv_in.weight"] = randn(7, 4, 4, 3, 3)
    return {name: weight.to(dtype) for name, weight in weights.items()}


def make_encoders(kind: str) -> dict[str, Tensor]:
    """The text encoders of a small checkpoint, also of a refiner, in fp8, which nearly all of its bytes are."""
    return {name: weight.to(torch.float8_e4m3fn) for name, weight in _name_encoders(kind).items()}


def _name_encoders(kind: str) -> dict[str, Tensor]:
    if kind == "sd1":
        return _add_prefix("cond_stage_model.transformer.text_model.", make_encoder(768, 1))
    if kind == "sd2":
        return _add_prefix("cond_stage_model.model.", name_by_openclip(make_encoder(1024, 2)))
    second = {**make_encoder(1280, 4), "text_projection.weight": _numbers(5, 1280, 1280) / 1280**0.5}
    if kind == "refiner":
        return _add_prefix("conditioner.embedders.0.model.", name_by_openclip(second))
    first = _add_prefix("conditioner.embedders.0.transformer.text_model.", make_encoder(768, 3))
    return first | _add_prefix("conditioner.embedders.1.model.", name_by_openclip(second))


def make_encoder(width: int, seed: int, rows: int = 16) -> dict[str, Tensor]:
    """A CLIP text encoder by transformers' names, `rows` wide within each layer."""
    weights = {"embeddings.token_embedding.weight": randn(seed, 256, width).to(torch.float8_e4m3fn).repeat(193, 1)}
    weights["embeddings.position_embedding.weight"] = _numbers(seed + 1, 77, width)
    for norm in ("final_layer_norm", *(f"encoder.layers.{n}.layer_norm{k}" for n in range(LAYERS) for k in (1, 2))):
        weights[f"{norm}.weight"] = 1 + _numbers(len(norm), width) / 8
        weights[f"{norm}.bias"] = _numbers(len(norm) + 1, width) / 8
    for layer in range(LAYERS):
        shapes = {f"self_attn.{name}": (width, width) for name in ("q_proj", "k_proj", "v_proj", "out_proj")}
        for name, shape in {**shapes, "mlp.fc1": (rows, width), "mlp.fc2": (width, rows)}.items():
            number = seed + 100 * layer + sum(name.encode())
            weights[f"encoder.layers.{layer}.{name}.weight"] = _numbers(number, *shape) / shape[1] ** 0.5
            weights[f"encoder.layers.{layer}.{name}.bias"] = _numbers(number + 1, shape[0]) / 8
    return weights


def name_by_openclip(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same encoder as OpenCLIP stores it: fused projections, other names, and the projection transposed."""
    named = {}
    for name, weight in weights.items():
        if name == "text_projection.weight":
            named["text_projection"] = weight.T.contiguous()
        elif ".q_proj." in name:
            start, end = name.split(".self_attn.q_proj.")
            thirds = [weights[f"{start}.self_attn.{part}_proj.{end}"] for part in "qkv"]
            named[f"{start.replace('encoder.layers', 'transformer.resblocks')}.attn.in_proj_{end}"] = torch.cat(thirds)
        elif ".k_proj." not in name and ".v_proj." not in name:
            for ours, theirs in OPENCLIP.items():
                name = name.replace(ours, theirs)
            named[name] = weight
    return named


OPENCLIP = {
    "embeddings.token_embedding": "token_embedding",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm": "ln_final",
    "encoder.layers": "transformer.resblocks",
    "layer_norm": "ln_",
    "self_attn.out_proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}


def save_checkpoint(path: Path, weights: Mapping[str, Tensor]) -> Path:
    """A small checkpoint as a file."""
    save_file(dict(weights), path, {"format": "pt", "modelspec.title": "small"})
    return path


def save_tokenizer(folder: Path) -> Path:
    """A tokenizer of CLIP's kind that spells words letter by letter."""
    folder.mkdir()
    letters = "abcdefghijklmnopqrstuvwxyz0123456789,.()'-"
    words = {
        piece: number for number, piece in enumerate([*letters, *(f"{letter}</w>" for letter in letters)], start=5)
    }
    vocabulary = {**words, "<|startoftext|>": WORDS - 2, "<|endoftext|>": WORDS - 1}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", "utf-8")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "CLIPTokenizer"}', "utf-8")
    return folder


def _numbers(seed: int, *shape: int) -> Tensor:
    return randn(seed, *shape, dtype=torch.float32)


def _add_prefix(prefix: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: weight for name, weight in weights.items()}
