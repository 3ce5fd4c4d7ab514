"""The diffusion model's training set: captions, their embeddings under the frozen text encoder, and latents to them."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from ..autoencoder import add_luma
from ..captions import draw_caption
from ..world import render
from .host import STATE, prepare_training
from .state import load_network
from .train_text_encoder import build_text_model, index_tokens, load_vocabulary, run_text_model, tokenize

SEED = 10_001
# Three pixels a latent: enough for its mean, and seven times quicker than full size.
_SIDE = 48


@dataclass(frozen=True)
class Dataset:
    """Latents (n, 4, 16, 16), the caption of each (n,), and the embeddings of captions (m, 77, 128); 0 is empty."""

    latents: torch.Tensor
    captions: torch.Tensor
    embeddings: torch.Tensor


def draw_pictures(captions: int, per_caption: int, out: Path) -> None:
    """Render pictures for made-up captions; writes `captions.json` and `latents.safetensors`."""
    rng = np.random.default_rng(SEED)
    made = [draw_caption(rng) for _ in range(captions)]
    latents, numbers, began = [], [], time.perf_counter()
    for start in range(0, captions, 512):
        part = range(start, min(start + 512, captions))
        scenes = [made[i].draw_scene(rng) for i in part for _ in range(per_caption)]
        pictures = render(scenes, _SIDE).movedim(-1, 1) * 2 - 1
        latents.append(add_luma(functional.avg_pool2d(pictures, _SIDE // 16)).half())
        numbers += [1 + i for i in part for _ in range(per_caption)]
        print(f"{len(numbers)} pictures  {time.perf_counter() - began:.0f} s", flush=True)
    out.mkdir(parents=True, exist_ok=True)
    (out / "captions.json").write_text(json.dumps([caption.text for caption in made]))
    save_file({"latents": torch.cat(latents), "captions": torch.tensor(numbers)}, out / "latents.safetensors")


@torch.no_grad()
def embed_captions(texts: list[str], out: Path) -> torch.Tensor:
    """Embeddings (m, 77, 128) of texts under the trained text encoder in `out`, bfloat16."""
    model = build_text_model()
    model.load_state_dict(load_network(out / "text_encoder.safetensors", "model")[0])
    rows = load_network(out / "text_encoder.safetensors", "table")[0]["weight"]
    picked = index_tokens(tokenize(texts), load_vocabulary(out))
    parts = [run_text_model(model, rows[part]).bfloat16() for part in picked.split(256)]
    return torch.cat(parts)


def load_dataset(out: Path) -> Dataset:
    """The set as `draw_pictures` wrote it, with embeddings made afresh."""
    texts = json.loads((out / "captions.json").read_text())
    pictures = load_file(out / "latents.safetensors")
    return Dataset(pictures["latents"], pictures["captions"], embed_captions(["", *texts], out))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captions", type=int, default=24_000)
    parser.add_argument("--per-caption", type=int, default=3)
    parser.add_argument("--state", type=Path, default=STATE)
    options = parser.parse_args()
    prepare_training(1)
    draw_pictures(options.captions, options.per_caption, options.state)


if __name__ == "__main__":
    main()
