"""Training state in safetensors files: the weights of one or more networks, the optimiser's moments, and the step."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def draw_from(seed: int, step: int) -> torch.Generator:
    """A generator for one step of a training, so that a resumed run draws what an unbroken one would."""
    return torch.Generator().manual_seed(seed * 100_000 + step)


def save_state(path: Path, step: int, networks: Mapping[str, nn.Module], optimiser: torch.optim.Optimizer) -> None:
    """Write all that resuming needs; an interrupted write leaves the old file."""
    tensors = {
        f"{name}.{key}": value for name, network in networks.items() for key, value in network.state_dict().items()
    }
    for name, network in networks.items():
        for key, parameter in network.named_parameters():
            for moment, value in optimiser.state.get(parameter, {}).items():
                tensors[f"optimiser.{moment}.{name}.{key}"] = torch.as_tensor(value)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    save_file({k: v.detach().contiguous().clone() for k, v in tensors.items()}, fresh, {"step": str(step)})
    os.replace(fresh, path)


def load_state(path: Path, networks: Mapping[str, nn.Module], optimiser: torch.optim.Optimizer) -> int:
    """Read a state back into networks and optimiser; the number of steps done (0 where there is no file)."""
    if not path.is_file():
        return 0
    tensors, step = _read(path)
    for name, network in networks.items():
        network.load_state_dict(_select(tensors, f"{name}."))
        for key, parameter in network.named_parameters():
            names = {moment: f"optimiser.{moment}.{name}.{key}" for moment in _MOMENTS}
            if names["step"] in tensors:
                # The optimiser counts steps on the CPU, wherever its moments lie.
                optimiser.state[parameter] = {
                    moment: tensors[stored] if moment == "step" else tensors[stored].to(parameter.device)
                    for moment, stored in names.items()
                }
    return step


def load_network(path: Path, name: str) -> tuple[dict[str, torch.Tensor], int]:
    """The weights of one network in a state file, and the number of steps they had."""
    tensors, step = _read(path)
    return _select(tensors, f"{name}."), step


def _read(path: Path) -> tuple[dict[str, torch.Tensor], int]:
    with safe_open(path, "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, int(file.metadata()["step"])  # noqa: SIM118


def _select(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
