"""The packages that the world is made of, fetched by npm into a folder, each at a version of its own."""

from __future__ import annotations

import json
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMES = "emojibase-data@17.0.0"


@dataclass(frozen=True)
class EmojiSet:
    """A style and the package that its pictures come from."""

    style: str
    package: str


SETS = (
    EmojiSet("noto", "@iconify-json/noto@1.2.9"),
    EmojiSet("twemoji", "@iconify-json/twemoji@1.2.5"),
    EmojiSet("flat", "@iconify-json/fluent-emoji-flat@1.2.6"),
    EmojiSet("ink", "@iconify-json/fluent-emoji-high-contrast@1.2.6"),
    EmojiSet("firefox", "@iconify-json/fxemoji@1.2.2"),
    EmojiSet("emojione", "@iconify-json/emojione@1.2.3"),
    EmojiSet("3d", "@lobehub/fluent-emoji-3d@1.1.0"),
)


def fetch(package: str, folder: Path) -> Path:
    """The folder of an unpacked package, which npm brings where it is not there yet."""
    name = package.removeprefix("@").replace("/", "-").replace("@", "-")
    unpacked = folder / name
    if not (unpacked / "package.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True)
        with tarfile.open(folder / f"{name}.tgz") as archive:
            archive.extractall(folder / "unpacking", filter="data")
        (folder / "unpacking" / "package").rename(unpacked)
    return unpacked


def read(path: Path) -> Any:
    """A JSON file of a package."""
    return json.loads(path.read_text(encoding="utf-8"))
