"""Whether a file will fit on its disk, asked before it is written."""

from __future__ import annotations

import shutil
from pathlib import Path

MARGIN = 1 << 20  # bytes for what the file system itself needs


def require_space(folder: Path, size: int) -> None:
    """ValueError unless the disk of `folder`, which need not exist yet, has room for a file of `size` bytes."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if size + MARGIN > free:
        raise ValueError(
            f"the file needs {describe_size(size)}, but the disk of {folder} has {describe_size(free)} left. "
            "Nothing was written: free some space, or save to another disk."
        )


def describe_size(size: float) -> str:
    """A number of bytes in words: `1.9 GB`."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
