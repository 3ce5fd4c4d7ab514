"""The first stage of both models: pictures of 4h x 4w pixels to latents of h x w with four channels, and back."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

PIXELS_PER_LATENT = 4
CHANNELS = 4


class _Residual(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.GroupNorm(8, width)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(functional.silu(self.first(functional.silu(self.norm(x)))))


class Autoencoder(nn.Module):
    """Encoder and decoder behind `comfy.sd.VAE`: `encode` (n, 3, 4h, 4w) in -1..1 -> (n, 4, h, w), `decode` back.

    Latents have about unit variance: `mean` (4,) and `scale` () of what the encoder says are measured after training.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, width: int = 64):
        super().__init__()
        self.register_buffer("mean", torch.zeros(CHANNELS))
        self.register_buffer("scale", torch.ones(()))
        self.latent_encoder = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(12, width, 3, padding=1),
            _Residual(width),
            nn.Conv2d(width, 2 * width, 3, 2, 1),
            _Residual(2 * width),
            _Residual(2 * width),
            nn.SiLU(),
            nn.Conv2d(2 * width, CHANNELS, 3, padding=1),
        )
        self.latent_decoder = nn.Sequential(
            nn.Conv2d(CHANNELS, 2 * width, 3, padding=1),
            *(_Residual(2 * width) for _ in range(3)),
            nn.Conv2d(2 * width, 4 * width, 3, padding=1),
            nn.PixelShuffle(2),
            *(_Residual(width) for _ in range(2)),
            nn.SiLU(),
            nn.Conv2d(width, 12, 3, padding=1),
            nn.PixelShuffle(2),
        )

    def encode(self, pictures: Tensor) -> Tensor:
        return (self.latent_encoder(pictures) - self.mean[:, None, None]) * self.scale

    def decode(self, latents: Tensor) -> Tensor:
        return self.latent_decoder(latents / self.scale + self.mean[:, None, None])
