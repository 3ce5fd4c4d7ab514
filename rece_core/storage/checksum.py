"""A checksum in the header of every `.safetensors` file that is written: whether all its bytes are as they were.

It is SHA-256 over the whole file, the place of its own digits taken as zeros. It tells damage and edits, not forgery:
whoever changes a file on purpose can write a new one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

KEY, MARK = "rece_checksum", "rece_checked"
DIGITS = 64
BLANK = b"0" * DIGITS
#: What a header has before the checksum is known. The second tells that there must be a first.
PLACEHOLDER = {KEY: f"sha256:{BLANK.decode()}", MARK: "sha256"}
LENGTH = 8  # bytes before the header, which say how long it is
TEXTS = "__metadata__"  # what the header calls them
MOST_HEADER = 100_000_000  # bytes, as the library has it
CHUNK = 1 << 22

# No text within JSON holds a quotation mark without a backslash before it, so this is a key. Values that the host
# writes are JSON themselves.
_PLACE = re.compile(rb'"%b":"(?:\\")?sha256:([0-9a-f]{%d})(?:\\")?"' % (KEY.encode(), DIGITS))
_MARKS = tuple(f'"{name}":'.encode() for name in PLACEHOLDER)

OnBytes = Callable[[int], None]


class SummedFile:
    """A file of which all that is written is summed up; to be written once, from beginning to end, the header first."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._sum, self._place = file, hashlib.sha256(), 0

    def write_header(self, content: bytes) -> None:
        """The length and the header, with `PLACEHOLDER` in it."""
        self._place = _find_place(content)
        self.write(content)

    def write(self, content: bytes | memoryview) -> None:
        """More of the file."""
        self._sum.update(content)
        self._file.write(content)

    def finish(self) -> None:
        """Put the checksum into its place."""
        self._file.seek(self._place)
        self._file.write(self._sum.hexdigest().encode())


def fill_checksum(content: bytes) -> bytes:
    """A file with `PLACEHOLDER` in its header, and now with its checksum; the header's texts in order of their names.

    The library writes those in another order each time, and equal content should be equal bytes.
    """
    start = LENGTH + int.from_bytes(content[:LENGTH], "little")
    told = json.loads(content[LENGTH:start])
    told[TEXTS] = dict(sorted(told[TEXTS].items()))
    header = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    header += b" " * (-len(header) % LENGTH)  # numbers behind it stay aligned
    content = len(header).to_bytes(LENGTH, "little") + header + content[start:]
    place = _find_place(content[: LENGTH + len(header)])
    digits = hashlib.sha256(content).hexdigest().encode()
    return content[:place] + digits + content[place + DIGITS :]


def fill_checksum_in(path: Path) -> None:
    """Put the checksum into the file at `path`, where it has a place for one, and flush the file to disk."""
    with open(path, "r+b") as file:
        header = _read_header(file)
        if any(mark in header for mark in _MARKS):
            total = hashlib.sha256(header)
            while part := file.read(CHUNK):
                total.update(part)
            file.seek(_find_place(header))
            file.write(total.hexdigest().encode())
        file.flush()
        os.fsync(file.fileno())


def check_file(path: Path, on_bytes: OnBytes = lambda count: None) -> bool:
    """Whether the file at `path` is as it was written; False where it has no checksum, as older and other files.

    `on_bytes` is called with the number of bytes that were read. Raises ValueError where anything in the file is
    otherwise than when it was written, OSError where it cannot be read.
    """
    with open(path, "rb") as file:
        header = _read_header(file)
        places = list(_PLACE.finditer(header))
        if not _is_marked(header, file):
            return False
        if len(places) == 1:
            place = places[0].start(1)
            total = hashlib.sha256(header[:place] + BLANK + header[place + DIGITS :])
            on_bytes(len(header))
            while part := file.read(CHUNK):
                total.update(part)
                on_bytes(len(part))
            if total.hexdigest().encode() == places[0][1]:
                return True
    raise ValueError(
        f"{path.name} is damaged, or was altered after it was saved: its checksum is another than that of what it "
        "holds. Get it again from where it comes from, or save it again."
    )


def has_checksum(path: Path) -> bool:
    """Whether the file at `path` says that it has one, right or wrong."""
    with open(path, "rb") as file:
        return _is_marked(_read_header(file), file)


def _is_marked(header: bytes, file: BinaryIO) -> bool:
    """Whether there is to be a checksum, also where a damaged length has cut its place off; reads on in `file`."""
    if any(mark in header for mark in _MARKS):
        return True
    behind = header[-DIGITS:] + file.read(CHUNK)
    return any(mark in behind for mark in _MARKS)


def _read_header(file: BinaryIO) -> bytes:
    """The length and the header, or what there is of them."""
    head = file.read(LENGTH)
    return head + file.read(min(int.from_bytes(head, "little"), MOST_HEADER))


def _find_place(header: bytes) -> int:
    """Where the digits go; an older checksum, with other digits than zeros, is not there any more."""
    (place,) = _PLACE.finditer(header)
    assert place[1] == BLANK
    return place.start(1)
