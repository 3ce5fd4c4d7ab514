"""Files with bytes that are others than when they were saved: each must be told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from rece_core.storage.checksum import check_file
from rece_core.storage.tensor_file import open_tensor_file

from .scenes import Scene

TIMES = 1000  # for each file


def attack(scene: Scene, folder: Path) -> Iterator[dict[str, Any]]:
    """A row: how often a byte was changed, and where that was not told; none for a scene without such files."""
    scene.prepare(folder)
    scene.save(folder)
    files = [path for path in sorted(folder.rglob("*.safetensors")) if not path.name.startswith("input")]
    random, lost = Random(1), []
    for path in files:
        whole = path.read_bytes()
        for _ in range(TIMES):
            place = random.randrange(len(whole))
            with open(path, "r+b") as file:
                file.seek(place)
                file.write(bytes((whole[place] ^ random.randrange(1, 256),)))
            if not _is_told(path):
                lost.append(f"byte {place} of {path.name}")
            with open(path, "r+b") as file:
                file.seek(place)
                file.write(whole[place : place + 1])
        assert not _is_told(path), "it is whole again"
    if files:
        name = f"{scene.name}, altered"
        yield {"name": name, "tried": TIMES * len(files), "failed": len(lost), "lost": lost[:5]}


def _is_told(path: Path) -> bool:
    try:
        open_tensor_file(path)
        return not check_file(path)
    except ValueError:
        return True
