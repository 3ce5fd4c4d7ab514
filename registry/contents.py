"""What a published version holds: the tracked files that `.comfyignore` leaves.

    python -m registry.contents                  # lists them

The registry's own tool reads that file as git reads `.gitignore`, so git is asked.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
IGNORED = ".comfyignore"


def list_contents() -> list[str]:
    """Paths from the repository's root, in alphabetical order."""
    ignored = set(_list_tracked("--ignored", f"--exclude-from={IGNORED}"))
    return sorted(path for path in _list_tracked() if path not in ignored)


def copy_contents(folder: Path) -> None:
    """Copy the files into `folder`, as they are installed from the registry."""
    for path in list_contents():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, target)


def _list_tracked(*arguments: str) -> list[str]:
    command = ["git", "ls-files", "-z", "--cached", *arguments]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode()
    return [path for path in listed.split("\0") if path]


if __name__ == "__main__":
    print("\n".join(list_contents()))
