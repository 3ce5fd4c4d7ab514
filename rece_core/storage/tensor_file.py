"""A `.safetensors` file read piece by piece: its header, then one tensor at a time, never the whole.

`safe_open` maps the file, so that whatever was read of it stays counted as memory of the process. Here the bytes of one
tensor are read where they lie, which also says where the bytes of all the others are, to be copied as they are.
"""

from __future__ import annotations

import errno
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from .disk_space import describe_size

HEADER_LENGTH = struct.Struct("<Q")  # the number of bytes of the header that follows it
FLOATS = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
}

# Of a header: several times what the largest models and the longest texts in one take. More costs memory and seconds.
MOST_HEADER, MOST_TENSORS, MOST_NAME = 10_000_000, 20_000, 500  # bytes; tensors; letters of a name
MOST_DIMENSIONS = 16
SHOWN = 200  # letters of what the library says, which quotes the file

SCALES = ("scale_weight", "weight_scale", "comfy_quant")  # beside quantised weights, in the host's formats


@dataclass(frozen=True)
class StoredTensor:
    """Where a tensor lies: its type by the format's name, its shape, and its first byte and the one behind its last."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True)
class TensorFile:
    """The header of a file: its tensors by name, in the order of their bytes, its metadata, and where it ends."""

    path: Path
    tensors: Mapping[str, StoredTensor]
    metadata: Mapping[str, str]
    data_start: int

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor by name."""
        return {name: stored.shape for name, stored in self.tensors.items()}

    @property
    def types(self) -> dict[str, str]:
        """The storage type of each tensor by name, as the format calls it."""
        return {name: stored.dtype for name, stored in self.tensors.items()}

    @property
    def data_stop(self) -> int:
        """The byte behind the last, which is the size of the file."""
        return max((stored.stop for stored in self.tensors.values()), default=self.data_start)

    def dtype_of(self, name: str) -> torch.dtype:
        """The type that `name` is stored in; ValueError where its numbers are not there as they are."""
        stored = self.tensors[name].dtype
        if stored not in FLOATS:
            raise ValueError(
                f"{name} in {self.path.name} is stored as {stored}; expected one of {', '.join(FLOATS)}. Use the nodes "
                "in ComfyUI for weights that are quantised otherwise."
            )
        scale = next((each for each in SCALES if name.removesuffix("weight") + each in self.tensors), None)
        if scale:
            raise ValueError(
                f"{name} in {self.path.name} is quantised, with a {scale} beside it. Use the nodes in ComfyUI, which "
                "read such weights, or a checkpoint in plain fp32, fp16, bf16 or fp8."
            )
        return FLOATS[stored]

    def read(self, name: str) -> Tensor:
        """The tensor `name` in the type it is stored in, in memory of its own; KeyError where there is none."""
        stored, dtype = self.tensors[name], self.dtype_of(name)
        try:
            content = bytearray(stored.stop - stored.start)
        except MemoryError:
            raise ValueError(
                f"{name} in {self.path.name} has {describe_size(stored.stop - stored.start)}, which do not fit into "
                "memory. Close what else takes memory, or check where the file comes from."
            ) from None
        with open(self.path, "rb", buffering=0) as file:
            file.seek(stored.start)
            view = memoryview(content)
            while view:
                view = view[file.readinto(view) or _end(self.path) :]
        if not content:
            return torch.empty(stored.shape, dtype=dtype)
        return torch.frombuffer(content, dtype=dtype).reshape(stored.shape)


def open_tensor_file(path: Path) -> TensorFile:
    """Read the header of the file at `path`.

    Raises OSError where it cannot be read, ValueError where it is no complete safetensors file, or where its header is
    larger than any model's.
    """
    with open(path, "rb") as file:  # says in the system's words why a file cannot be read
        head = file.read(HEADER_LENGTH.size)
        _check_format(path, head)
        _check_length(path, head)
        _check(path)
        (length,) = HEADER_LENGTH.unpack(head)
        header = json.loads(file.read(length))
    _check_count(path, header)
    metadata = header.pop("__metadata__", None) or {}
    offset = HEADER_LENGTH.size + length
    tensors = {
        name: StoredTensor(each["dtype"], tuple(each["shape"]), *(offset + end for end in each["data_offsets"]))
        for name, each in header.items()
    }
    for name, stored in tensors.items():
        _check_tensor(path, name, stored)
    ordered = sorted(tensors.items(), key=lambda item: (item[1].start, item[1].stop))
    return TensorFile(path, dict(ordered), metadata, offset)


def _check_format(path: Path, head: bytes) -> None:
    if head.startswith(b"GGUF"):
        raise ValueError(
            f"{path.name} is a GGUF file; expected a safetensors file. Load it in ComfyUI by the nodes of "
            "ComfyUI-GGUF, which RECE Iterate and RECE Apply Erasure read, or erase from the unquantised model."
        )


def _check_length(path: Path, head: bytes) -> None:
    """ValueError for a header that would cost too much to read; `_check` tells one that is longer than the file."""
    length = int.from_bytes(head, "little")
    if MOST_HEADER < length < path.stat().st_size:
        raise ValueError(
            f"the header of {path.name} has {describe_size(length)}; expected at most {describe_size(MOST_HEADER)}. "
            "Save the file again without the texts or pictures in its metadata."
        )


def _check_count(path: Path, header: Mapping[str, object]) -> None:
    if len(header) > MOST_TENSORS:
        raise ValueError(
            f"{path.name} holds {len(header):,} tensors; expected at most {MOST_TENSORS:,}, several times what models "
            "have. Check where it comes from."
        )


def _check_tensor(path: Path, name: str, stored: StoredTensor) -> None:
    """ValueError for a name or a shape that no weight has, as shapes of nothing may claim any size."""
    if len(name) > MOST_NAME:
        raise ValueError(
            f"{path.name} holds a tensor whose name has {len(name):,} letters, {name[:40]!r}…; expected at most "
            f"{MOST_NAME}. Check where it comes from."
        )
    if len(stored.shape) > MOST_DIMENSIONS or prod(max(1, each) for each in stored.shape) >= 2**62:
        raise ValueError(
            f"{name!r} in {path.name} has {len(stored.shape)} dimensions, the first ones {stored.shape[:3]}; expected "
            f"at most {MOST_DIMENSIONS}, of sizes that memory can have. Check where it comes from."
        )


def _check(path: Path) -> None:
    """ValueError unless the library finds header and length of the file in order."""
    try:
        with safe_open(path, framework="numpy"):  # PyTorch's would reserve memory for all of the file
            pass
    except OSError as error:  # which the library words otherwise than the system
        why = error.strerror or "it could be read a moment ago, and now it can't"
        raise OSError(error.errno or errno.EIO, why, str(path)) from error
    except SafetensorError as error:
        pickled = path.suffix.lower() in (".ckpt", ".pt", ".pth", ".bin")
        fix = (
            "Files of that kind can run code and are not read: load it in ComfyUI and save it with Save Checkpoint."
            if pickled
            else "It may have been cut short while copying or downloading; get it again."
        )
        raise ValueError(f"{path.name} is not a complete safetensors file ({str(error)[:SHOWN]}). {fix}") from error


def _end(path: Path) -> int:
    raise ValueError(f"{path.name} has become shorter while it was read. Wait until it is written, and try again.")
