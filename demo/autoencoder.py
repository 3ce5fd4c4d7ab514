"""The demo model's first stage: pictures of 8h x 8w pixels to latents of h x w and back, like any SD 1 VAE.

The encoder has nothing to learn: it pools 8 x 8 pixels to their mean colour and adds their luma as the fourth channel.
The decoder is a small convolutional network that has learnt what sharp edges look like under such means.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

PIXELS_PER_LATENT = 8
# Rec. 601
_LUMA = (0.299, 0.587, 0.114)


def add_luma(colours: torch.Tensor) -> torch.Tensor:
    """Mean colours (n, 3, h, w) to latents (n, 4, h, w): the fourth channel is their luma."""
    luma = (colours * colours.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True)
    return torch.cat([colours, luma], 1)


class _Residual(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.second(functional.silu(self.first(functional.silu(x))))


class Autoencoder(nn.Module):
    """Encoder and decoder behind `comfy.sd.VAE`: `encode` (n, 3, 8h, 8w) in -1..1 -> (n, 4, h, w), `decode` back."""

    def __init__(self, width: int = 64, fine_width: int = 48):
        super().__init__()
        self.shape_decoder = nn.Sequential(
            nn.Conv2d(4, width, 3, padding=1),
            *(_Residual(width) for _ in range(3)),
            nn.SiLU(),
            nn.Conv2d(width, fine_width * 4, 3, padding=1),
            nn.PixelShuffle(2),
            *(_Residual(fine_width) for _ in range(2)),
            nn.SiLU(),
            nn.Conv2d(fine_width, 3 * 16, 3, padding=1),
            nn.PixelShuffle(4),
        )

    def encode(self, pictures: torch.Tensor) -> torch.Tensor:
        return add_luma(functional.avg_pool2d(pictures, PIXELS_PER_LATENT))

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        return self.shape_decoder(latents)
