"""Files of text, read whole where that costs little."""

from __future__ import annotations

from pathlib import Path

from .disk_space import describe_size

MOST_BYTES = 16_000_000  # several times the longest prompt list there is, COCO's 30,000 captions


def read_content(path: Path) -> bytes:
    """The bytes of the file at `path`. Raises OSError where it can't be read, ValueError where it is too large."""
    with open(path, "rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(
            f"{path.name} has {describe_size(path.stat().st_size)}; expected a text of at most "
            f"{describe_size(MOST_BYTES)}. Split it into several files."
        )
    return content


def read_lenient(path: Path) -> str:
    """The text of the file at `path` in UTF-8, signs that are none replaced; errors as `read_content` has them."""
    return read_content(path).decode("utf-8-sig", errors="replace")
