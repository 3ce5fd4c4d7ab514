"""The judge: a classifier that says which concept and style a picture shows, or that it shows none of them.

It shares nothing with the generators but the world: its views of the pictures vary more than theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from .compact import WEIGHTS, expand
from .world import SIDE, STYLES, Concept

FILE = WEIGHTS / "judge.safetensors"
CONCEPT_COUNT = 1221
#: The number that stands for "none of these".
NONE = CONCEPT_COUNT


@dataclass(frozen=True)
class Verdicts:
    """What the judge sees in n pictures: concepts best first, (n, 5), how sure it is of the first, (n,), styles (n,).

    A concept's number is its place in `concepts.json`, or NONE; `sure` is in 0..1.
    """

    concepts: Tensor
    sure: Tensor
    styles: Tensor


def _block(width_in: int, width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for number in range(3):
        first = number == 0
        layers.append(nn.Conv2d(width_in if first else width, width, 3, stride=2 if first else 1, padding=1))
        layers += [nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*layers)


class Judge(nn.Module):
    """Pictures (n, 3, 64, 64) in -1..1 to logits of concepts, (n, 1222), the last for none, and of styles, (n, 7)."""

    def __init__(self, width: int = 56):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            _block(width, width),
            _block(width, 2 * width),
            _block(2 * width, 4 * width),
            _block(4 * width, 4 * width),
        )
        self.concept = nn.Linear(16 * width, CONCEPT_COUNT + 1)
        self.style = nn.Linear(16 * width, len(STYLES))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        seen = functional.adaptive_avg_pool2d(self.features(pictures), 2).flatten(1)
        return self.concept(seen), self.style(seen)


def load_judge(path: Path = FILE) -> Judge:
    """The trained judge, float32 on the CPU."""
    judge = Judge()
    judge.load_state_dict(expand(load_file(path)))
    return judge.float().eval()


def name_answer(answer: int, concepts: Sequence[Concept]) -> str:
    """What an answer of the judge is called."""
    return "none of these" if answer == NONE else concepts[answer].label


@torch.no_grad()
def classify(judge: Judge, images: Tensor) -> Verdicts:
    """Judge images (n, H, W, 3), float in 0..1, on the judge's device.

    Raises:
        ValueError: the images have another shape.
    """
    if images.ndim != 4 or images.shape[-1] != 3:
        raise ValueError(f"images have shape {tuple(images.shape)}; expected (n, H, W, 3): add the batch dimension")
    pictures = images.movedim(-1, 1).float() * 2 - 1
    if pictures.shape[-2:] != (SIDE, SIDE):
        pictures = functional.interpolate(pictures, (SIDE, SIDE), mode="area")
    outputs = [judge(part) for part in pictures.split(256)]
    concepts, styles = (torch.cat(each) for each in zip(*outputs, strict=True))
    best = concepts.softmax(1).topk(5)
    return Verdicts(best.indices, best.values[:, 0], styles.argmax(1))
