"""A `.safetensors` file written again with some of its tensors changed; all other bytes are copied as they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from .atomic_file import open_atomically
from .checksum import PLACEHOLDER, SummedFile
from .tensor_file import HEADER_LENGTH, TensorFile

CHUNK = 1 << 24  # bytes copied at a time
ALIGNMENT = 8  # of the first byte behind the header, as the library writes it

Change = Callable[[], Tensor]
OnBytes = Callable[[int], None]


def rewrite_tensors(
    source: TensorFile,
    path: Path,
    changes: Mapping[str, Change],
    metadata: Mapping[str, str],
    on_bytes: OnBytes = lambda count: None,
    left_out: Collection[str] = (),
) -> None:
    """Write `source` to `path` with new tensors where `changes` names them, and with `metadata` as its header.

    The tensors `left_out` are not written. The header gets a checksum of the whole file too.

    Each change gives a tensor of the old shape, in any float type, and is asked for when its place is reached: no more
    than one is in memory. It is rounded to the type that was stored, see `narrow`. `on_bytes` is called with the number
    of bytes that were written; whatever it raises leaves nothing behind. An older file at `path` is replaced whole or
    not at all. Raises OSError where it cannot be written.
    """
    with open(source.path, "rb") as old, open_atomically(path) as file:
        new = SummedFile(file)
        new.write_header(_write_header(source, {**metadata, **PLACEHOLDER}, left_out))
        old.seek(source.data_start)
        for name, stored in source.tensors.items():
            if name in changes or name in left_out:
                _copy(old, new, stored.start - old.tell(), on_bytes)
                if name not in left_out:
                    new.write(_to_bytes(narrow(changes[name](), source, name)))
                old.seek(stored.stop)
                on_bytes(stored.stop - stored.start)
        _copy(old, new, source.data_stop - old.tell(), on_bytes)
        new.finish()


def narrow(changed: Tensor, source: TensorFile, name: str) -> Tensor:
    """`changed` rounded to the type that `source` stores `name` in; ValueError where that cannot hold it."""
    stored = source.tensors[name]
    assert tuple(changed.shape) == stored.shape
    rounded = changed.to(source.dtype_of(name))
    if not torch.isfinite(rounded.float()).all():
        raise ValueError(
            f"the erased {name} holds numbers that {stored.dtype}, the type it is stored in, cannot hold. Raise the "
            "ridges and erase again."
        )
    return rounded


def _write_header(source: TensorFile, metadata: Mapping[str, str], left_out: Collection[str]) -> bytes:
    """Length and header: tensors keep their order behind it, one right behind the other."""
    stop = 0
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    for name, stored in source.tensors.items():
        if name not in left_out:
            start, stop = stop, stop + stored.stop - stored.start
            header[name] = {"dtype": stored.dtype, "shape": stored.shape, "data_offsets": [start, stop]}
    content = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    content += b" " * (-len(content) % ALIGNMENT)
    return HEADER_LENGTH.pack(len(content)) + content


def _to_bytes(tensor: Tensor) -> memoryview:
    return tensor.cpu().contiguous().flatten().view(torch.uint8).numpy().data


def _copy(old: BinaryIO, new: SummedFile, count: int, on_bytes: OnBytes) -> None:
    while count:
        part = old.read(min(CHUNK, count))
        if not part:
            raise ValueError(f"{old.name} has become shorter while it was read. Wait until it is written; try again.")
        new.write(part)
        count -= len(part)
        on_bytes(len(part))
