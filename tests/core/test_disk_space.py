"""A disk too small for a file is told before anything is written, on a real disk that is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rece_core.storage.disk_space import require_space


def test_a_disk_too_small(mount_small_disk: Callable[[Path], None], tmp_path: Path) -> None:
    mount_small_disk(tmp_path)
    require_space(tmp_path / "a" / "b", 1_000_000)  # control: this much fits
    with pytest.raises(ValueError, match=r"needs 50 MB, but the disk of .*b has 4.19 MB left.*Nothing was written"):
        require_space(tmp_path / "a" / "b", 50_000_000)
    (tmp_path / "filler").write_bytes(bytes(3_000_000))
    with pytest.raises(ValueError, match="needs 1 MB, but the disk"):
        require_space(tmp_path, 1_000_000)
    assert [each.name for each in tmp_path.iterdir()] == ["filler"]


def test_more_than_any_disk_has(tmp_path: Path) -> None:
    require_space(tmp_path / "not" / "there", 0)
    with pytest.raises(
        ValueError, match=r"needs 1000000000.0 GB, but the disk of .*there has .* left.*free some space"
    ):
        require_space(tmp_path / "not" / "there", 10**18)
    assert not list(tmp_path.iterdir())
