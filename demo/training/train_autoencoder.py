"""Train the decoder: from mean colours of 8 x 8 pixels back to sharp pictures (absolute error, some noise on latents).

python -m demo.training.train_autoencoder
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from ..autoencoder import Autoencoder
from ..world import draw_scene, render
from .host import STATE
from .schedule import learning_rate
from .state import draw_from, load_state, save_state
from .train_judge import WIDER

SEED = 30_001


def train(steps: int, batch: int, pictures: int, out: Path) -> None:
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    began = time.perf_counter()
    targets = (render([draw_scene(rng, variation=WIDER) for _ in range(pictures)], 128).movedim(-1, 1) * 2 - 1).half()
    print(f"{pictures} pictures  {time.perf_counter() - began:.0f} s", flush=True)
    autoencoder = Autoencoder()
    optimiser = torch.optim.AdamW(autoencoder.parameters(), 2e-3, weight_decay=1e-4)
    path, networks = out / "autoencoder.safetensors", {"model": autoencoder}
    done, recent = load_state(path, networks, optimiser), 0.0
    for step in range(done, steps):
        generator = draw_from(SEED, step)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, steps, 2e-3, warm_up=50)
        target = targets[torch.randint(pictures, (batch,), generator=generator)].float()
        latents = autoencoder.encode(target)
        # Sampled latents are never exact, so the decoder learns to look past small errors.
        strength = 0.06 * torch.rand(batch, 1, 1, 1, generator=generator)
        latents = latents + strength * torch.randn(latents.shape, generator=generator)
        loss = functional.l1_loss(autoencoder.decode(latents), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        recent += (loss.item() - recent) * (0.05 if step > done else 1.0)
        if step % 50 == 0 or step == steps - 1:
            print(f"step {step:5d}  error {recent:.4f}  {time.perf_counter() - began:.0f} s", flush=True)
        if step % 200 == 199 or step == steps - 1:
            save_state(path, step + 1, networks, optimiser)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--pictures", type=int, default=1500)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--state", type=Path, default=STATE)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.state.mkdir(parents=True, exist_ok=True)
    train(options.steps, options.batch, options.pictures, options.state)


if __name__ == "__main__":
    main()
