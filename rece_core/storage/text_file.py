"""Files of text, read whole where that costs little."""

from __future__ import annotations

import json
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


def decode(content: bytes, errors: str = "strict") -> str:
    """The text that is stored as `content`: UTF-8, or the UTF-16 and UTF-32 that spreadsheets and old editors write.

    Which of them the first bytes say. `errors` as `bytes.decode` has it; "strict" raises UnicodeDecodeError.
    """
    return content.decode(json.detect_encoding(content), errors).removeprefix("\ufeff")


def read_lenient(path: Path) -> str:
    """The text of the file at `path`, signs that are none replaced; see `decode`, and `read_content` for errors."""
    return decode(read_content(path), errors="replace")
