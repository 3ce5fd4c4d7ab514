"""Write one checkpoint for each architecture (generator, text encoder, VAE), and the judge, from trained parts.

    python -m emoji.training.assemble --weights FOLDER --out FOLDER

Text encoder and VAE are in both, so that each file is a model of its own.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..compact import WEIGHTS
from ..generators import Architecture
from .host import STATE, weights_file

#: Before the names of each part: what the host's checkpoints of that kind say.
_PREFIXES: dict[Architecture, dict[str, str]] = {
    "unet": {
        "unet": "model.diffusion_model.",
        "text": "cond_stage_model.transformer.text_model.",
        "autoencoder": "first_stage_model.",
    },
    "flux": {
        "flux": "model.diffusion_model.",
        "text": "text_encoders.clip_l.transformer.text_model.",
        "autoencoder": "vae.",
    },
}


def collect_checkpoint(weights: Path, architecture: Architecture) -> dict[str, Tensor]:
    """The checkpoint's tensors as they are stored, in eight bits, under the host's names."""
    tensors = {
        prefix + name: tensor
        for part, prefix in _PREFIXES[architecture].items()
        for name, tensor in load_file(weights_file(weights, part)).items()
    }
    return {name: each.to(torch.int32) if each.dtype == torch.int64 else each for name, each in tensors.items()}


def assemble(weights: Path, out: Path, architectures: tuple[Architecture, ...] = ("flux", "unet")) -> list[Path]:
    """The files written, each whole or not at all: models whose generator is there, and the judge if it is."""
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for architecture in architectures:
        if not weights_file(weights, architecture).is_file():
            continue
        path = weights_file(out, architecture)
        fresh = path.with_suffix(".tmp")
        save_file(collect_checkpoint(weights, architecture), fresh, {"format": "pt", "family": f"emoji-{architecture}"})
        os.replace(fresh, path)
        written.append(path)
    judge = weights_file(weights, "judge")
    if judge.is_file():  # where generators alone were trained there is none
        written.append(Path(shutil.copyfile(judge, weights_file(out, "judge"))))
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=STATE / "weights")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    for path in assemble(options.weights, options.out):
        print(f"{path.name}  {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
