"""Attacks on how files are saved: `python -m torture.saves WHAT… [--scene NAME]…`.

To be started by `run_saves`, which loads the library that counts calls. Writes a line of JSON, a row of the report, for
each attack on each scene.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from . import altered, deaths, rivals
from .campaign import ROOT
from .fault import build_library, load_with
from .host_scenes import load_host_scene
from .scenes import SCENES

ATTACKS = {"deaths": deaths.attack, "rivals": rivals.attack, "altered": altered.attack}
HOST = "RECE Save Checkpoint"
MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory, where there is one: nothing here asks for a disk's speed


def run_saves(*arguments: str, root: Path = ROOT) -> Iterator[dict[str, Any]]:
    """What attacks in a process of its own find, with the code in `root`; RuntimeError where that process fails."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "torture.saves", *arguments]
        environment = load_with(build_library(Path(folder)))
        with subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            yield from map(json.loads, process.stdout)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} ended with {process.returncode}; see above.")


def main() -> None:
    """Attack the scenes that are asked for, all that need no ComfyUI without a choice."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="+", choices=ATTACKS)
    parser.add_argument("--scene", action="append", choices=(*SCENES, HOST))
    options = parser.parse_args()
    torch.set_num_threads(1)  # children of a process with threads would wait for those for ever
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for name in options.scene or SCENES:
        scene = load_host_scene() if name == HOST else SCENES[name]
        for what in options.what:
            with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
                for row in ATTACKS[what](scene, Path(folder)):
                    lines.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
