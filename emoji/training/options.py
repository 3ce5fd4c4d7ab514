"""What every training's command asks for."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch

from .host import DATA, STATE, prepare_training
from .loop import Budget


@dataclass(frozen=True)
class Options:
    """Folders, how long, how many at once, and where to compute."""

    data: Path
    state: Path
    weights: Path
    start: Path | None
    budget: Budget
    batch: int
    device: torch.device


def parse_options(text: str, batch: int) -> Options:
    """The options of a training whose batch is `batch` unless said otherwise; `text` is its description."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, help="how long, over all runs")
    parser.add_argument("--steps", type=int, help="how long, in steps")
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--from", dest="start", type=Path, help="a folder with weights to begin with")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--state", type=Path, default=STATE)
    parser.add_argument("--weights", type=Path, default=STATE / "weights", help="the folder of all parts' weights")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    budget, device = Budget(given.steps, given.seconds), prepare_training(given.threads)
    return Options(given.data, given.state, given.weights, given.start, budget, given.batch, device)
