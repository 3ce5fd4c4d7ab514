"""The same of RECE Save Checkpoint: the pack's own write, in a real ComfyUI, of the model that ships."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from harness.environment import environment_python, prepare_host
from harness.server import link_folder

from .campaign import ROOT
from .scenes import Scene

PACK = "rece_pack"


def load_host_scene() -> Scene:
    """Make this process a ComfyUI, as far as saving goes."""
    host = prepare_host(environment_python())
    links = Path(tempfile.mkdtemp())
    link_folder(ROOT, links / PACK)
    sys.path[:0] = [str(host.folder), str(links)]
    sys.argv[1:] = []
    import comfy.cli_args  # noqa: TID251

    comfy.cli_args.args.cpu = True  # before anything else of the host asks for a device
    import folder_paths
    from rece_pack.demo.family import load_demo_model  # type: ignore[import-not-found]
    from rece_pack.nodes.host_checkpoint import write_checkpoint  # type: ignore[import-not-found]

    model, clip, vae = load_demo_model()

    def save(folder: Path) -> None:
        folder_paths.set_output_directory(str(folder))
        told = {"erased": "a cat => a dog", "parts": '{"tokens": {}}'}
        write_checkpoint(model, clip, vae, "below/checkpoint", told, {"1": {"class_type": "x"}}, {"workflow": {}})

    return Scene("RECE Save Checkpoint", save, save, numbered=True)


def is_there() -> bool:
    """Whether there is a ComfyUI to do it in."""
    return bool(os.environ.get("COMFYUI_DIR")) or (ROOT / ".host" / "ComfyUI").is_dir()
