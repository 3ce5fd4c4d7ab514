"""Where the scripts find ComfyUI, and how they set it up before its first import."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

REPOSITORY = Path(__file__).parents[2]
STATE = REPOSITORY / "out" / "demo_train"


def prepare_host() -> None:
    """Put ComfyUI (COMFYUI_DIR, else `.host/ComfyUI` in the repository) first on the path, set to run on the CPU.

    First, because the repository's own `nodes` would shadow the host's module of that name.
    """
    folder = Path(os.environ.get("COMFYUI_DIR", REPOSITORY / ".host" / "ComfyUI"))
    if not (folder / "comfy" / "sd.py").is_file():
        raise SystemExit(f"no ComfyUI in {folder}; set COMFYUI_DIR to the folder that holds ComfyUI's main.py")
    sys.path.insert(0, str(folder.resolve()))
    from comfy.cli_args import args

    args.cpu = True
    args.use_pytorch_cross_attention = True


def prepare_training(threads: int) -> None:
    """Host on the path, and a fixed number of threads."""
    prepare_host()
    torch.set_num_threads(threads)
