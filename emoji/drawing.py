"""Draw with an assembled model through the host's own loader, text encoder and sampler, many texts in a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import comfy.sample
import comfy.sd
import torch
from torch import Tensor

from .autoencoder import CHANNELS, PIXELS_PER_LATENT
from .family import ReceEmojiFlux, register
from .generators import CFG, SAMPLER, SCHEDULERS, STEPS
from .world import SIDE

BATCH = 32
_LATENT = (CHANNELS, SIDE // PIXELS_PER_LATENT, SIDE // PIXELS_PER_LATENT)


@dataclass(frozen=True)
class Model:
    """The host's objects for one checkpoint, and the scheduler that suits the architecture."""

    patcher: Any
    clip: Any
    vae: Any
    scheduler: str


def load_model(path: Path) -> Model:
    """A checkpoint as the stock loader reads it.

    Raises:
        RuntimeError: it is of no family that the host knows.
    """
    register()
    patcher, clip, vae, _ = comfy.sd.load_checkpoint_guess_config(str(path))
    flow = isinstance(patcher.model.model_config, ReceEmojiFlux)
    return Model(patcher, clip, vae, SCHEDULERS["flux" if flow else "unet"])


def encode(model: Model, texts: Sequence[str]) -> list[Any]:
    """The host's conditioning for a batch of texts: one entry, with all their states and pooled embeddings."""
    made = [model.clip.encode_from_tokens(model.clip.tokenize(text), return_pooled=True) for text in texts]
    return [[torch.cat([states for states, _ in made]), {"pooled_output": torch.cat([pooled for _, pooled in made])}]]


@torch.inference_mode()
def draw(model: Model, texts: Sequence[str], seeds: Sequence[int], steps: int = STEPS) -> Tensor:
    """A picture of each text from the noise of its seed, (n, 64, 64, 3), float32 in 0..1."""
    pictures = []
    for start in range(0, len(texts), BATCH):
        part = texts[start : start + BATCH]
        latent = torch.zeros(len(part), *_LATENT)
        noise = torch.cat([comfy.sample.prepare_noise(latent[:1], seed) for seed in seeds[start : start + BATCH]])
        conditions = encode(model, part), encode(model, [""])
        sampled = comfy.sample.sample(
            model.patcher, noise, steps, CFG, SAMPLER, model.scheduler, *conditions, latent, disable_pbar=True
        )
        pictures.append(model.vae.decode(sampled).float().cpu())
    return torch.cat(pictures)
