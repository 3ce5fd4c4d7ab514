"""The judge: a small classifier that says which shape, colour and fill a picture shows, or that it shows none of them.

It shares nothing with the diffusion model but the world: it has its own network, seed, renders (which vary more) and
training.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

from .world import COLOURS, FILLS, SHAPES

NONE = "none"
WEIGHTS = Path(__file__).parent / "weights" / "judge.safetensors"
SIDE = 64


@dataclass(frozen=True)
class Verdict:
    """What the judge sees in one picture; all three labels are NONE where it sees nothing of the world."""

    shape: str
    colour: str
    fill: str


def _convolve(width_in: int, width_out: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(width_in, width_out, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(width_out), nn.ReLU())


class Judge(nn.Module):
    """Pictures (n, 3, 64, 64) in 0..1 to logits for shape (one more for none), colour and fill."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _convolve(3, 24, 2),
            _convolve(24, 32),
            _convolve(32, 64, 2),
            _convolve(64, 64),
            _convolve(64, 96, 2),
            _convolve(96, 96),
            nn.AdaptiveMaxPool2d(2),
            nn.Flatten(),
            nn.Linear(96 * 4, 96),
            nn.ReLU(),
        )
        self.sizes = (len(SHAPES) + 1, len(COLOURS), len(FILLS))
        self.head = nn.Linear(96, sum(self.sizes))

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.head(self.features(pictures * 2 - 1)).split(self.sizes, 1)


def resize_for_judge(images: torch.Tensor) -> torch.Tensor:
    """Images (n, H, W, 3) in 0..1 to the judge's (n, 3, 64, 64); shrinking averages areas."""
    pictures = images.movedim(-1, 1).float()
    if pictures.shape[-2:] == (SIDE, SIDE):
        return pictures
    shrinks = min(pictures.shape[-2:]) >= SIDE
    if shrinks:
        return functional.interpolate(pictures, (SIDE, SIDE), mode="area")
    return functional.interpolate(pictures, (SIDE, SIDE), mode="bilinear")


def load_judge(path: Path = WEIGHTS) -> Judge:
    """The trained judge, float32 on the CPU."""
    judge = Judge()
    judge.load_state_dict(load_file(path))
    return judge.float().eval()


@torch.no_grad()
def classify(judge: Judge, images: torch.Tensor) -> list[Verdict]:
    """Judge images (n, H, W, 3), float in 0..1, on the judge's device; one verdict each."""
    if images.ndim != 4 or images.shape[-1] != 3:
        raise ValueError(f"images have shape {tuple(images.shape)}; expected (n, H, W, 3): add the batch dimension")
    verdicts = []
    for part in images.split(256):
        shapes, colours, fills = (logits.argmax(1).tolist() for logits in judge(resize_for_judge(part)))
        for shape, colour, fill in zip(shapes, colours, fills, strict=True):
            if shape == len(SHAPES):
                verdicts.append(Verdict(NONE, NONE, NONE))
            else:
                verdicts.append(Verdict(SHAPES[shape], tuple(COLOURS)[colour], FILLS[fill]))
    return verdicts
