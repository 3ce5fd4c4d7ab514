"""LoRA files for the demo model's cross-attention."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from harness.environment import ROOT
from harness.server import Server

PREFIX = "model."  # of a checkpoint's names; the rest is the name in a LoRA file and in messages


def read_entries() -> dict[str, Tensor]:
    """The shipped model's key and value projections (d_out, d), float32, by name without '.weight'."""
    with safe_open(ROOT / "demo" / "weights" / "demo.safetensors", framework="pt") as file:
        names = [name for name in file.keys() if name.endswith(("attn2.to_k.weight", "attn2.to_v.weight"))]  # noqa: SIM118
        return {name.removeprefix(PREFIX).removesuffix(".weight"): file.get_tensor(name).float() for name in names}


def write_random_lora(server: Server, file: str) -> None:
    """A LoRA that changes every other projection by about as much as the projection is large."""
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for name, weight in list(read_entries().items())[::2]:
        tensors[f"{name}.lora_up.weight"] = torch.randn(weight.shape[0], 8, generator=generator) * 0.15
        tensors[f"{name}.lora_down.weight"] = torch.randn(8, weight.shape[1], generator=generator) * 0.3
    save_file(tensors, _place(server, file))


def write_flattening_lora(server: Server, file: str) -> None:
    """A LoRA that takes the first direction of the text embedding away from all projections, to the bit."""
    tensors = {}
    for name, weight in read_entries().items():
        tensors[f"{name}.lora_up.weight"] = -weight[:, :1].contiguous()
        tensors[f"{name}.lora_down.weight"] = torch.eye(1, weight.shape[1])
    save_file(tensors, _place(server, file))


def write_broken_lora(server: Server, file: str, value: float) -> str:
    """A LoRA that makes every number of one projection `value`; returns the weight's name."""
    name, weight = list(read_entries().items())[1]
    save_file({f"{name}.diff": torch.full_like(weight, value)}, _place(server, file))
    return f"{name}.weight"


def _place(server: Server, file: str) -> Path:
    return server.base / "models" / "loras" / file
