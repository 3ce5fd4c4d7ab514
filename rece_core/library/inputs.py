"""Where checkpoints come from: paths, folders, patterns, and whatever fsspec opens."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob, has_magic
from importlib import import_module
from pathlib import Path
from typing import Any

SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Input:
    """A file by its path or, where it `is_remote`, its address; its size, and what says whether it was changed."""

    address: str
    size: int
    version: str

    @property
    def name(self) -> str:
        """Its name without folders."""
        return self.address.rpartition("/")[2] if self.is_remote else Path(self.address).name

    @property
    def is_remote(self) -> bool:
        """Whether it has to be fetched before it is read."""
        return "://" in self.address


def list_inputs(given: str, folder: Path) -> list[Input]:
    """The files that `given` names, sorted; relative paths start from `folder`. ValueError where there is none."""
    if "://" in given:
        found = _list_remote(given)
    else:
        path = folder / Path(given).expanduser()
        if path.is_dir():
            paths = sorted(path.glob(f"*{SUFFIX}"))
        else:
            paths = sorted(map(Path, glob(str(path), recursive=True))) if has_magic(given) else [path]
        found = [_describe(each) for each in paths if each.is_file()]
    if not found:
        raise ValueError(
            f"{given} names no file below {folder}; expected a {SUFFIX} file, a folder of them or a pattern."
        )
    return found


@contextmanager
def fetch(given: Input) -> Iterator[Path]:
    """Within it, the file on this machine: itself, or a copy that is removed afterwards."""
    if not given.is_remote:
        yield Path(given.address)
        return
    files, path = _open_remote(given.address)
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / given.name
        files.get_file(path, str(local))
        yield local


def _describe(path: Path) -> Input:
    status = path.stat()
    return Input(str(path), status.st_size, str(status.st_mtime_ns))


def _list_remote(given: str) -> list[Input]:
    files, path = _open_remote(given)
    paths = files.glob(path) if has_magic(path) else [path]
    if len(paths) == 1 and files.isdir(paths[0]):
        paths = files.glob(f"{paths[0].rstrip('/')}/*{SUFFIX}")
    found = []
    for each in sorted(paths):
        told = files.info(each)
        version = next(
            (str(told[key]) for key in ("ETag", "etag", "sha256", "LastModified", "mtime") if told.get(key)), ""
        )
        found.append(Input(files.unstrip_protocol(each), int(told.get("size") or 0), version))
    return found


def _open_remote(address: str) -> tuple[Any, str]:
    try:
        core = import_module("fsspec.core")
    except ImportError:
        raise ValueError(
            f"{address} is an address, which fsspec opens, and fsspec is not installed. Install it."
        ) from None
    return core.url_to_fs(address)
