"""Train the judge on its own renders: wider variations than the world's, blurs, noise, shifts of colour, and negatives.

python -m demo.training.train_judge
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from ..judge import SIDE, Judge, Verdict, classify
from ..negatives import draw_negatives
from ..world import COLOURS, FILLS, SHAPES, Variation, draw_scene, render
from .host import STATE
from .schedule import learning_rate
from .state import draw_from, load_state, save_state

SEED = 70_007
HELD_OUT_SEED = 70_008
WIDER = Variation(
    radius=(0.22, 0.44),
    drift=0.3,
    aspect=(0.46, 0.64),
    angle=math.radians(11),
    tint=0.06,
    period=(0.155, 0.20),
    pattern_angle=math.radians(14),
)


def draw_examples(rng: np.random.Generator, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures (n, 64, 64, 3), uint8, and labels (n, 3); a fifth more are negatives: none, with colour and fill -1."""
    scenes = [draw_scene(rng, variation=WIDER) for _ in range(count)]
    labels = [(SHAPES.index(s.shape), list(COLOURS).index(s.colour), FILLS.index(s.fill)) for s in scenes]
    others = [draw_negatives(rng, 160, SIDE, WIDER) for _ in range(max(1, count // 800))]
    pictures = torch.cat([render(scenes, SIDE), *others])
    labels += [(len(SHAPES), -1, -1)] * (len(pictures) - count)
    return (pictures * 255).round().byte(), torch.tensor(labels)


def spoil(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Blur, noise and gain, each picture its own share; (n, 3, 64, 64) in 0..1."""
    count = len(pictures)
    side = int(torch.randint(26, SIDE, (1,), generator=generator))
    coarse = functional.interpolate(pictures, (side, side), mode="area")
    blurred = functional.interpolate(coarse, (SIDE, SIDE), mode="bilinear")
    pictures = torch.lerp(pictures, blurred, torch.rand(count, 1, 1, 1, generator=generator))
    noise = torch.randn(pictures.shape, generator=generator) * 0.06 * torch.rand(count, 1, 1, 1, generator=generator)
    gain = 1 + 0.12 * (torch.rand(count, 1, 1, 1, generator=generator) - 0.5)
    return (pictures * gain + noise).clamp(0, 1)


def train(steps: int, batch: int, examples: int, out: Path) -> None:
    torch.manual_seed(SEED)
    began = time.perf_counter()
    pictures, labels = draw_examples(np.random.default_rng(SEED), examples)
    print(f"{len(pictures)} pictures  {time.perf_counter() - began:.0f} s", flush=True)
    judge = Judge().train()
    optimiser = torch.optim.AdamW(judge.parameters(), 2e-3, weight_decay=1e-2)
    path, networks = out / "judge.safetensors", {"model": judge}
    for step in range(load_state(path, networks, optimiser), steps):
        generator = draw_from(SEED, step)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, steps, 2e-3)
        rows = torch.randint(len(pictures), (batch,), generator=generator)
        outputs = judge(spoil(pictures[rows].movedim(-1, 1) / 255, generator))
        losses = [
            functional.cross_entropy(logits, labels[rows, i], ignore_index=-1, label_smoothing=0.02)
            for i, logits in enumerate(outputs)
        ]
        optimiser.zero_grad()
        torch.stack(losses).sum().backward()
        optimiser.step()
        if step % 100 == 0 or step == steps - 1:
            figures = " ".join(f"{loss.item():.3f}" for loss in losses)
            print(f"step {step:5d}  losses {figures}  {time.perf_counter() - began:.0f} s", flush=True)
        if step % 400 == 399 or step == steps - 1:
            save_state(path, step + 1, networks, optimiser)
    judge.eval()
    print(measure_judge(judge))


def measure_judge(judge: Judge, count: int = 2000) -> dict[str, float]:
    """Shares of right verdicts on fresh renders of the world and of the judge's variations, and on fresh negatives."""
    rng = np.random.default_rng(HELD_OUT_SEED)
    figures = {}
    for name, variation in (("world", Variation()), ("wider", WIDER)):
        scenes = [draw_scene(rng, variation=variation) for _ in range(count)]
        verdicts = classify(judge, render(scenes, SIDE))
        pairs = list(zip(scenes, verdicts, strict=True))
        for attribute in ("shape", "colour", "fill"):
            right = sum(getattr(scene, attribute) == getattr(verdict, attribute) for scene, verdict in pairs)
            figures[f"{name} {attribute}"] = right / count
    nothing = torch.cat([draw_negatives(rng, 160, SIDE, WIDER) for _ in range(count // 160)])
    refused = [verdict == Verdict("none", "none", "none") for verdict in classify(judge, nothing)]
    return {**figures, "none": sum(refused) / len(refused)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--examples", type=int, default=24_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--state", type=Path, default=STATE)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.state.mkdir(parents=True, exist_ok=True)
    train(options.steps, options.batch, options.examples, options.state)


if __name__ == "__main__":
    main()
