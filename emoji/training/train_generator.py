"""Train a generator under the frozen text encoder: the U-Net to predict noise, the transformer by flow matching.

python -m emoji.training.train_generator flux --seconds 300
python -m emoji.training.train_generator unet --steps 2000 --batch 32 --concepts list.json --from FOLDER
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..generators import Architecture, allow_gradients, build_generator, signal_levels
from .data import draw_on, read_list
from .examples import Examples, make_examples
from .host import DATA, STATE, prepare_host, prepare_training
from .loop import Budget, Part, run
from .parts import load_weights

Network: TypeAlias = Callable[..., Tensor]

SEED = 60_001
PEAK: dict[Architecture, float] = {"unet": 1.2e-3, "flux": 8e-4}


@dataclass(frozen=True)
class Settings:
    """How a generator is trained, apart from how long."""

    batch: int
    peak: float
    average: float = 0.999
    #: Share of captions left out, for guidance.
    dropped: float = 0.1


@contextlib.contextmanager
def _in_bfloat16(device: torch.device) -> Iterator[None]:
    """Products in bfloat16; a CPU's fused attention is many times slower than plain products when it runs backwards."""
    attention: AbstractContextManager[None] = contextlib.nullcontext()
    if device.type == "cpu":
        attention = sdpa_kernel(SDPBackend.MATH)
    with attention, torch.autocast(device.type, torch.bfloat16):
        yield


def compile_for(network: nn.Module, device: torch.device) -> Network:
    """The network as training runs it: compiled on a GPU, where its many small steps would each wait for memory."""
    return torch.compile(network, dynamic=False) if device.type == "cuda" else network


def match_flow(network: Network, clean: Tensor, states: Tensor, pooled: Tensor, generator: torch.Generator) -> Tensor:
    """Rectified flow: squared error of the velocity to noise, times logit-normal (Esser et al. 2024, section 3)."""
    count, device = len(clean), clean.device
    times = torch.sigmoid(torch.randn(count, generator=generator, device=device) + 0.3)
    noise = torch.randn(clean.shape, generator=generator, device=device)
    share = times[:, None, None, None]
    with _in_bfloat16(device):
        velocity = network((1 - share) * clean + share * noise, times, states, pooled)
    return functional.mse_loss(velocity.float(), noise - clean)


def predict_noise(
    network: Network, clean: Tensor, states: Tensor, levels: Tensor, generator: torch.Generator
) -> Tensor:
    """Squared error of the noise over the root of the signal level, as for the shapes model; `levels` (1000,)."""
    count, device = len(clean), clean.device
    times = (1000 * torch.rand(count, generator=generator, device=device) ** 0.8).long().clamp(max=999)
    noise = torch.randn(clean.shape, generator=generator, device=device)
    level = levels[times][:, None, None, None]
    noisy = (level.sqrt() * clean + (1 - level).sqrt() * noise).to(memory_format=torch.channels_last)
    with _in_bfloat16(device):
        predicted = network(noisy, times, states)
    return ((predicted.float() - noise).square().mean((1, 2, 3)) / levels[times].sqrt()).mean()


def make_part(
    architecture: Architecture, examples: Examples, settings: Settings, device: torch.device, start: Path | None
) -> Part:
    """The generator with fresh weights, or those in the folder `start`, and its loss on the examples."""
    network = build_generator(architecture, device)
    if start is not None:
        network.load_state_dict(load_weights(start, architecture))
    allow_gradients(network).train()
    run_network = compile_for(network, device)
    levels = signal_levels().to(device)

    def learn(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        generator = draw_on(device, SEED, step)
        rows = torch.randint(len(examples.latents), (settings.batch,), generator=generator, device=device)
        clean, states, ends = examples.latents[rows].float(), examples.states[rows].float(), examples.ends[rows]
        dropped = torch.rand(settings.batch, generator=generator, device=device) < settings.dropped
        states = torch.where(dropped[:, None, None], examples.empty.float(), states)
        if architecture == "unet":
            return predict_noise(run_network, clean, states, levels, generator), {}
        ends = torch.where(dropped, torch.ones_like(ends), ends)
        pooled = states[torch.arange(len(rows), device=device), ends]
        return match_flow(run_network, clean, states, pooled, generator), {}

    return Part(architecture, {"model": network}, "model", learn, settings.peak, average=settings.average)


def train(
    architecture: Architecture, data: Path, state: Path, weights: Path, budget: Budget, settings: Settings,
    device: torch.device, chosen: list[int] | None = None, start: Path | None = None, most: int = 240_000,
) -> int:  # fmt: skip
    """The number of steps done; `weights` has the autoencoder and the text encoder, and gets the generator's."""
    examples = make_examples(data, weights, chosen, most, device)
    return run(make_part(architecture, examples, settings, device, start), state, weights, budget)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architecture", choices=("flux", "unet"))
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--batch", type=int, default=768)
    parser.add_argument("--peak", type=float, help="the highest learning rate")
    parser.add_argument("--average", type=float, default=0.999, help="decay of the moving average of the weights")
    parser.add_argument("--concepts", type=Path, help="a JSON list of the labels to train on; all by default")
    parser.add_argument("--most", type=int, default=240_000, help="examples to make, in 41 kB of memory each")
    parser.add_argument("--from", dest="start", type=Path, help="a folder with weights to begin with")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--state", type=Path, default=STATE)
    parser.add_argument("--weights", type=Path, default=STATE / "weights", help="the folder of all parts' weights")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    device = prepare_training(options.threads)
    prepare_host(device)
    architecture: Architecture = options.architecture
    settings = Settings(options.batch, options.peak or PEAK[architecture], options.average)
    budget, chosen = Budget(options.steps, options.seconds), read_list(options.concepts)
    places = options.data, options.state, options.weights
    train(architecture, *places, budget, settings, device, chosen, options.start, options.most)


if __name__ == "__main__":
    main()
