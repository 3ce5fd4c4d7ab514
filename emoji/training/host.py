"""Where training computes, and the host's own network classes for it."""

from __future__ import annotations

from pathlib import Path

import torch

from demo.training.host import REPOSITORY
from demo.training.host import prepare_host as find_host

STATE = REPOSITORY / "out" / "emoji_train"
DATA = REPOSITORY / "out" / "emoji"
PARTS = ("autoencoder", "judge", "text", "flux", "unet")


def choose_device() -> torch.device:
    """The GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def prepare_host(device: torch.device | None = None) -> None:
    """Put ComfyUI (COMFYUI_DIR, else the project's own) on the path, set to run on `device`, by default the CPU."""
    find_host()
    from comfy.cli_args import args

    args.cpu = device is None or device.type == "cpu"


def prepare_training(threads: int) -> torch.device:
    """The device, set up for training: threads on a CPU, TF32 on a GPU."""
    torch.set_num_threads(threads)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    return choose_device()


def weights_file(folder: Path, part: str) -> Path:
    """Where the weights of a part lie in a folder of weights."""
    return folder / f"{part}.safetensors"
