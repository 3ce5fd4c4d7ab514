"""The loop that all trainings share: learning rate by the share done, moving average, states and weights saved."""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from demo.training.state import load_state, save_state

from ..compact import compress

_SAVED_EVERY = 60.0
_TOLD_EVERY = 20.0


@dataclass(frozen=True)
class Budget:
    """When a training ends: after so many steps, or after so many seconds over all its runs."""

    steps: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.seconds is None):
            raise ValueError(f"a budget of {self.steps} steps and {self.seconds} seconds; expected one of the two")

    def share(self, step: int, seconds: float) -> float:
        """What share of the training is done, from 0; 1 and more is the end."""
        return step / self.steps if self.steps is not None else seconds / (self.seconds or 1.0)


@dataclass(frozen=True)
class Part:
    """What is trained: `learn(step)` gives a loss and figures to tell; `kept` is the network whose weights count."""

    name: str
    networks: dict[str, nn.Module]
    kept: str
    learn: Callable[[int], tuple[Tensor, dict[str, Tensor]]]
    peak: float
    decay: float = 1e-3
    #: Of the moving average of the kept network's weights; None for none.
    average: float | None = None
    #: Where the kept network is made ready to be used, such as latents that are measured; before every saving.
    finish: Callable[[nn.Module], None] = field(default=lambda network: None)


class _Clock(nn.Module):
    """Seconds that all runs took together, stored with the networks."""

    seconds: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seconds", torch.zeros((), dtype=torch.float64))


def learning_rate(share: float, peak: float, warm_up: float = 0.04) -> float:
    """Linear over the first share, then a cosine to zero."""
    if share < warm_up:
        return peak * share / warm_up
    return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, (share - warm_up) / (1 - warm_up))))


def run(part: Part, state: Path, weights: Path, budget: Budget, stop: Callable[[int], bool] | None = None) -> int:
    """The number of steps done; goes on from where a run has left `state`, and writes the kept weights to `weights`.

    `stop(step)`: whether to leave before that step, with all saved.
    """
    kept = part.networks[part.kept]
    clock, networks = _Clock(), dict(part.networks)
    average = copy.deepcopy(kept).requires_grad_(False) if part.average is not None else None
    if average is not None:
        networks["average"] = average
    learnt = [parameter for network in part.networks.values() for parameter in network.parameters()]
    optimiser = torch.optim.AdamW(learnt, part.peak, weight_decay=part.decay, betas=(0.9, 0.99))
    file = state / f"{part.name}.safetensors"
    step = load_state(file, {**networks, "clock": clock}, optimiser)
    before, began = float(clock.seconds), time.perf_counter()
    saved = told = began

    def save() -> None:
        clock.seconds.fill_(before + time.perf_counter() - began)
        save_state(file, step, {**networks, "clock": clock}, optimiser)
        chosen = average if average is not None else kept
        part.finish(chosen)
        write_weights(chosen, weights / f"{part.name}.safetensors", step)

    print(f"{part.name}: {sum(p.numel() for p in kept.parameters()) / 1e6:.2f} M, from step {step}", flush=True)
    recent: float | None = None
    while not (stop and stop(step)):
        now = time.perf_counter()
        share = budget.share(step, before + now - began)
        if share >= 1:
            break
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(share, part.peak)
        loss, figures = part.learn(step)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(learnt, 1.0)
        optimiser.step()
        step += 1
        if average is not None and part.average is not None:
            decay = min(part.average, step / (step + 10))
            with torch.no_grad():
                torch._foreach_lerp_(list(average.parameters()), list(kept.parameters()), 1 - decay)
        if now - told > _TOLD_EVERY:  # reading a number waits for the GPU, so not at every step
            told, last = now, float(loss.detach())
            recent = last if recent is None else 0.8 * recent + 0.2 * last
            listed = "  ".join(f"{name} {float(value.detach()):.4f}" for name, value in figures.items())
            print(f"{part.name} {step}  {share:.1%}  {now - began:.0f} s  loss {recent:.4f}  {listed}", flush=True)
        if now - saved > _SAVED_EVERY:
            save()
            saved = time.perf_counter()
    save()
    return step


def write_weights(network: nn.Module, path: Path, step: int) -> None:
    """Store weights in eight bits, under a temporary name first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    save_file(compress(network.state_dict()), fresh, {"step": str(step)})
    os.replace(fresh, path)
