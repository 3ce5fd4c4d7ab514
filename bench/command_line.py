"""Peak memory of the command line: `python -m bench.command_line TOKENIZER CHECKPOINT...`, on POSIX systems.

Each checkpoint is erased from in a process of its own, one edit and three epochs, with value erasure, a few captions
for the prior (more of them cost time, not memory). Random weights will do; `tests/host` has scripts that make such
files.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from math import prod
from pathlib import Path

from rece_core.checkpoints.checkpoint import Checkpoint, open_checkpoint
from rece_core.checkpoints.stored_encoders import find_encoders

CAPTIONS = "a house by the sea\na bowl of fruit on a table\npeople walking in a park\n"
OPTIONS = ("--kind", "nudity", "--schedule", "manual", "--edit-ridge", "10")
UNIT = 1 if sys.platform == "darwin" else 1024  # bytes, of the peak that the system reports


def main() -> None:
    tokenizer, *checkpoints = sys.argv[1:]
    print("| family | file (GB) | text encoders in float32 (GB) | peak (GB) |")
    print("|---|---:|---:|---:|")
    for each in checkpoints:
        checkpoint = open_checkpoint(Path(each))
        peak = measure(checkpoint.file.path, Path(tokenizer))
        sizes = f"{checkpoint.size / 1e9:.2f} | {measure_encoders(checkpoint) / 1e9:.2f}"
        print(f"| {checkpoint.model.family.name} | {sizes} | {peak:.2f} |", flush=True)


def measure_encoders(checkpoint: Checkpoint) -> int:
    """Bytes of the text encoders once they are in float32."""
    encoders = find_encoders(checkpoint.file, checkpoint.model.family.name)
    names = {part.name for encoder in encoders for part in encoder.parts.values()}
    return sum(4 * prod(checkpoint.file.tensors[name].shape) for name in names)


def measure(checkpoint: Path, tokenizer: Path) -> float:
    """The peak in GB, all of the process counted: Python, torch and the libraries too."""
    with tempfile.TemporaryDirectory() as folder:
        captions, out = Path(folder) / "captions.txt", Path(folder) / "out.safetensors"
        captions.write_text(CAPTIONS, "utf-8")
        command = [sys.executable, "-m", "rece_core", "erase", checkpoint, out, *OPTIONS, "--tokenizer", tokenizer]
        with open(Path(folder) / "report.txt", "w") as report:
            process = subprocess.Popen([*map(str, command), "--captions", str(captions)], stdout=report)
            _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit("the command failed, see above")
        return usage.ru_maxrss * UNIT / 1e9


if __name__ == "__main__":
    main()
