"""The trained parts as training reads them back from their stored weights."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ..autoencoder import Autoencoder
from ..compact import expand
from ..generators import Architecture, build_generator
from ..text_network import TextNetwork
from .host import weights_file


def load_weights(folder: Path, part: str) -> dict[str, Tensor]:
    """Stored weights of a part, float16.

    Raises:
        ValueError: the folder has none.
    """
    path = weights_file(folder, part)
    if not path.is_file():
        raise ValueError(f"no {path.name} in {folder}; expected weights of this part: train it first, or give --from")
    return expand(load_file(path))


def _freeze(network: nn.Module, device: torch.device | str) -> nn.Module:
    return network.float().eval().requires_grad_(False).to(device)


def load_autoencoder(folder: Path, device: torch.device | str = "cpu") -> Autoencoder:
    """The autoencoder of a folder of weights, float32, frozen."""
    network = Autoencoder()
    network.load_state_dict(load_weights(folder, "autoencoder"))
    _freeze(network, device)
    return network


def load_text(folder: Path, device: torch.device | str = "cpu") -> TextNetwork:
    """The text encoder of a folder of weights, float32, frozen."""
    weights = load_weights(folder, "text")
    network = TextNetwork(weights["token_ids"])
    network.load_state_dict(weights)
    _freeze(network, device)
    return network


def load_generator(folder: Path, architecture: Architecture, device: torch.device | str = "cpu") -> nn.Module:
    """A generator of a folder of weights, float32, frozen."""
    network = build_generator(architecture, device)
    network.load_state_dict(load_weights(folder, architecture))
    return _freeze(network, device)
