"""One input of a campaign: the content of a file, which may end in a hole."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Input:
    """The bytes of a file, and its size where that is more: the rest is a hole, which reads as zeros and takes no disk.

    So a file can really have the terabyte that its header declares.
    """

    content: bytes
    size: int = 0

    def write(self, path: Path) -> None:
        """Make it the file at `path`."""
        with open(path, "wb") as file:
            file.write(self.content)
        if self.size > len(self.content):
            os.truncate(path, self.size)

    def to_json(self) -> dict[str, Any]:
        """To be kept in a report: as text where it is one."""
        try:
            told: dict[str, Any] = {"text": self.content.decode("utf-8")}
        except UnicodeDecodeError:
            told = {"base64": base64.b64encode(self.content).decode("ascii")}
        return told | ({"size": self.size} if self.size > len(self.content) else {})
