"""Write the shipped weights from the training state: one checkpoint (U-Net, text encoder, VAE) and the judge, float16.

python -m demo.training.assemble
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import torch
from safetensors.torch import save_file

from .host import REPOSITORY, STATE, prepare_host
from .state import load_network
from .train_text_encoder import load_vocabulary

WEIGHTS = REPOSITORY / "demo" / "weights"


def collect_checkpoint(state: Path) -> tuple[dict[str, torch.Tensor], int]:
    """The checkpoint's tensors under Stable Diffusion 1's names, and the U-Net's training steps."""
    from ..text_model import PREFIX, compress_token_table

    unet, steps = load_network(state / "unet.safetensors", "average")
    text, _ = load_network(state / "text_encoder.safetensors", "model")
    table, _ = load_network(state / "text_encoder.safetensors", "table")
    vae, _ = load_network(state / "autoencoder.safetensors", "model")
    tokens = compress_token_table(table["weight"].half(), load_vocabulary(state))
    tensors = {f"model.diffusion_model.{key}": value for key, value in unet.items()}
    tensors |= {f"{PREFIX}{key}": value for key, value in text.items()}
    tensors |= {f"first_stage_model.{key}": value for key, value in vae.items()}
    return {key: value.half().contiguous() for key, value in tensors.items()} | tokens, steps


def _replace_file(tensors: dict[str, torch.Tensor], path: Path, metadata: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    save_file(tensors, fresh, metadata)
    os.replace(fresh, path)
    print(f"{path.name}  {path.stat().st_size / 1e6:.2f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, default=STATE)
    options = parser.parse_args()
    prepare_host()
    tensors, steps = collect_checkpoint(options.state)
    _replace_file(tensors, WEIGHTS / "demo.safetensors", {"format": "pt", "family": "rece-demo", "steps": str(steps)})
    judge, _ = load_network(options.state / "judge.safetensors", "model")
    halves = {key: value.half() if value.is_floating_point() else value for key, value in judge.items()}
    _replace_file(halves, WEIGHTS / "judge.safetensors", {"format": "pt"})


if __name__ == "__main__":
    main()
