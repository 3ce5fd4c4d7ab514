"""Train the judge on views that vary more than the generators', and on pictures of nothing, which are "none of these".

python -m emoji.training.train_judge --seconds 90
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from ..judge import NONE, Judge
from ..world import SIDE, Pictures
from .data import draw_colours, draw_on, draw_views, fetch_pictures
from .loop import Budget, Part, run
from .nothing import KINDS, draw_nothing
from .options import parse_options
from .parts import load_weights

SEED = 70_001
PEAK = 2e-3
#: Share of the batch that shows nothing; as many of each kind.
_NOTHING = 0.12


def spoil(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Gain, tint, blur, noise and a cut-out, each picture its own share; (n, 3, 64, 64) about -1..1."""
    count, device = len(pictures), pictures.device

    def normal(*shape: int) -> Tensor:
        return torch.randn(count, *shape, generator=generator, device=device)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=generator, device=device)

    pictures = pictures * (1 + 0.2 * normal(1, 1, 1)) + 0.15 * normal(3, 1, 1)
    blurred = functional.interpolate(functional.avg_pool2d(pictures, 2), scale_factor=2, mode="bilinear")
    pictures = torch.where(uniform(1, 1, 1) < 0.3, blurred, pictures)
    pictures = pictures + 0.15 * uniform(1, 1, 1) * normal(3, SIDE, SIDE)
    places = torch.arange(SIDE, device=device)
    rows = (places[None, :, None] - SIDE * uniform(1, 1)).abs() < 8
    columns = (places[None, None] - SIDE * uniform(1, 1)).abs() < 8
    hole = rows & columns & (uniform(1, 1) < 0.4)
    return pictures.masked_fill(hole[:, None], 0.0)


def draw_batch(pictures: Pictures, batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Views and nothings with their concepts, NONE last, and styles, -1 for nothing."""
    device = pictures.rgba.device
    rows = torch.randint(len(pictures.rgba), (batch,), generator=generator, device=device)
    views = draw_views(pictures.rgba[rows], draw_colours(batch, generator), 1.3, generator)
    each = max(1, round(batch * _NOTHING / len(KINDS)))
    nothing = torch.cat([draw_nothing(views[:each], kind, generator) for kind in KINDS])
    shown = torch.cat([spoil(views, generator), nothing])
    none = torch.full((len(nothing),), NONE, device=device)
    concepts = torch.cat([pictures.concepts[rows], none])
    return shown, concepts, torch.cat([pictures.styles[rows], torch.full_like(none, -1)])


def make_part(pictures: Pictures, batch: int, peak: float, device: torch.device, start: Path | None) -> Part:
    """The judge, fresh or from the folder `start`, and its loss."""
    torch.manual_seed(SEED)
    network = Judge().to(device).to(memory_format=torch.channels_last)
    if start is not None:
        network.load_state_dict(load_weights(start, "judge"))

    def learn(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        generator = draw_on(device, SEED, step)
        shown, concepts, styles = draw_batch(pictures, batch, generator)
        network.train()
        with torch.autocast(device.type, torch.bfloat16):
            said_concepts, said_styles = network(shown)
        loss = functional.cross_entropy(said_concepts.float(), concepts, label_smoothing=0.1)
        loss = loss + functional.cross_entropy(said_styles.float(), styles, ignore_index=-1, label_smoothing=0.05)
        return loss, {"right": (said_concepts.argmax(1) == concepts).float().mean()}

    return Part("judge", {"model": network}, "model", learn, peak, decay=2e-2)


@torch.no_grad()
def measure_judge(judge: Judge, pictures: Pictures, count: int) -> dict[str, float]:
    """Shares right on fresh views, and of each kind of nothing the share that it calls none."""
    generator = draw_on(pictures.rgba.device, SEED, 99_999)
    rows = torch.randint(len(pictures.rgba), (count,), generator=generator, device=pictures.rgba.device)
    views = draw_views(pictures.rgba[rows], draw_colours(count, generator), 1.3, generator)
    said, styles = judge(spoil(views, generator))
    figures = {
        "concept": (said.argmax(1) == pictures.concepts[rows]).float().mean(),
        "style": (styles.argmax(1) == pictures.styles[rows]).float().mean(),
        "none, wrongly": (said.argmax(1) == NONE).float().mean(),
    }
    for kind in KINDS:
        nothing = draw_nothing(views, kind, generator)
        figures[f"none: {kind}"] = (judge(nothing)[0].argmax(1) == NONE).float().mean()
    return {name: float(value) for name, value in figures.items()}


def train(
    data: Path, state: Path, weights: Path, budget: Budget, batch: int, device: torch.device, start: Path | None = None
) -> int:
    """The number of steps done; a judge that is not fresh learns at a fifth of the rate."""
    peak = PEAK if start is None else PEAK / 5
    return run(make_part(fetch_pictures(data, device), batch, peak, device, start), state, weights, budget)


if __name__ == "__main__":
    options = parse_options(__doc__ or "", batch=256)
    train(options.data, options.state, options.weights, options.budget, options.batch, options.device, options.start)
