"""Train the autoencoder: absolute error of colours and of edges, with noise on latents.

python -m emoji.training.train_autoencoder --seconds 60
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..autoencoder import Autoencoder
from ..world import Pictures
from .data import draw_colours, draw_on, draw_views, fetch_pictures
from .loop import Budget, Part, run
from .options import parse_options
from .parts import load_weights

SEED = 30_001
_MEASURED = 4096


def list_edges(pictures: Tensor) -> Tensor:
    """Differences of neighbours, across and down, (n, numbers)."""
    across, down = pictures[..., 1:] - pictures[..., :-1], pictures[..., 1:, :] - pictures[..., :-1, :]
    return torch.cat([across.flatten(1), down.flatten(1)], 1)


@torch.no_grad()
def measure_latents(network: Autoencoder, pictures: Pictures, device: torch.device) -> None:
    """Set the autoencoder's `mean` and `scale` so that latents of the pictures have unit variance, in place."""
    network.mean.zero_()
    network.scale.fill_(1.0)
    generator = draw_on(device, SEED, 99_999)
    parts = pictures.rgba[:_MEASURED].split(256)
    latents = torch.cat(
        [network.encode(draw_views(part, draw_colours(len(part), generator), 0.5, generator)) for part in parts]
    )
    network.mean.copy_(latents.mean((0, 2, 3)))
    network.scale.copy_(1 / latents.std())


def make_part(pictures: Pictures, batch: int, device: torch.device, start: Path | None) -> Part:
    """The autoencoder, fresh or from the folder `start`, and its loss."""
    torch.manual_seed(SEED)
    network = Autoencoder().to(device).to(memory_format=torch.channels_last)
    if start is not None:
        network.load_state_dict(load_weights(start, "autoencoder"))

    def learn(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        generator = draw_on(device, SEED, step)
        rows = torch.randint(len(pictures.rgba), (batch,), generator=generator, device=device)
        target = draw_views(pictures.rgba[rows], draw_colours(batch, generator), 1.0, generator)
        with torch.autocast(device.type, torch.bfloat16):
            latents = network.latent_encoder(target).float()
            # Sampled latents are never exact, so the decoder learns to look past small errors.
            strength = 0.08 * torch.rand(batch, 1, 1, 1, generator=generator, device=device) * latents.detach().std()
            noise = torch.randn(latents.shape, generator=generator, device=device)
            made = network.latent_decoder(latents + strength * noise).float()
        error = functional.l1_loss(made, target)
        edges = functional.l1_loss(list_edges(made), list_edges(target))
        return error + 0.5 * edges + 1e-3 * latents.square().mean(), {"error": error}

    def finish(network: nn.Module) -> None:
        assert isinstance(network, Autoencoder)
        measure_latents(network, pictures, device)

    return Part("autoencoder", {"model": network}, "model", learn, 1.5e-3, decay=1e-4, finish=finish)


def train(
    data: Path, state: Path, weights: Path, budget: Budget, batch: int, device: torch.device, start: Path | None = None
) -> int:
    """The number of steps done."""
    return run(make_part(fetch_pictures(data, device), batch, device, start), state, weights, budget)


if __name__ == "__main__":
    options = parse_options(__doc__ or "", batch=256)
    train(options.data, options.state, options.weights, options.budget, options.batch, options.device, options.start)
