"""A disk too small for a file is told before anything is written, on a real disk that is."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rece_core.storage.disk_space import require_space


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MiB in memory."""
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path)]
    if os.name != "posix" or shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small disk takes rights that this system does not give")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_disk_too_small(small_disk: Path) -> None:
    require_space(small_disk / "a" / "b", 1_000_000)  # control: this much fits
    with pytest.raises(ValueError, match=r"needs 50 MB, but the disk of .*b has 4.19 MB left.*Nothing was written"):
        require_space(small_disk / "a" / "b", 50_000_000)
    (small_disk / "filler").write_bytes(bytes(3_000_000))
    with pytest.raises(ValueError, match="needs 1 MB, but the disk"):
        require_space(small_disk, 1_000_000)
    assert [each.name for each in small_disk.iterdir()] == ["filler"]


def test_more_than_any_disk_has(tmp_path: Path) -> None:
    require_space(tmp_path / "not" / "there", 0)
    with pytest.raises(
        ValueError, match=r"needs 1000000000.0 GB, but the disk of .*there has .* left.*free some space"
    ):
        require_space(tmp_path / "not" / "there", 10**18)
    assert not list(tmp_path.iterdir())
