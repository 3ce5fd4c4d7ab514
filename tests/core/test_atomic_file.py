"""Whatever happens to a file that is being written, there is the old one and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from rece_core.storage.atomic_file import write_atomically

ROOT = Path(__file__).parents[2]
NEW = b"new" * 1_000_000

# What each way of writing is called with, in a process that stops in the middle.
WRITERS = {
    "bytes": "from rece_core.storage.atomic_file import write_atomically; write_atomically(path, b'new' * 1_000_000)",
    "tensors": """
from rece_core.storage.tensor_file import open_tensor_file
from rece_core.storage.tensor_rewrite import rewrite_tensors
rewrite_tensors(open_tensor_file(path), path, {}, {})
""",
}
STOP_WHILE_WRITING = """
import os, sys, time
from pathlib import Path

def stop(descriptor):
    print("written", flush=True)
    time.sleep(600)

os.fsync = stop
path = Path(sys.argv[1])
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of a tensor."""
    save_file({"weight": torch.ones(3, 4)}, tmp_path / "old.safetensors")
    return tmp_path / "old.safetensors"


@pytest.mark.parametrize("writer", WRITERS)
def test_a_process_killed_while_writing_leaves_the_old_file(path: Path, writer: str) -> None:
    old = path.read_bytes()
    command = [sys.executable, "-c", STOP_WHILE_WRITING + WRITERS[writer], str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        assert len(list(path.parent.iterdir())) == 2, "control: it is in the middle of writing"
        process.kill()
    assert path.read_bytes() == old
    write_atomically(path, NEW)  # and what it left behind is in nobody's way
    assert path.read_bytes() == NEW


def test_a_full_disk_leaves_the_old_file_and_nothing_else(path: Path) -> None:
    resource = pytest.importorskip("resource", reason="limits on file sizes are set by POSIX systems alone")
    old, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_atomically(path, NEW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == old
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        write_atomically(tmp_path / "file" / "erasure.safetensors", b"new")
