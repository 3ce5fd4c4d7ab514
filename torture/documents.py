"""`.safetensors` files taken apart, and put together again with lies in their headers."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from .inputs import Input
from .trees import Pairs, list_smaller, write_json

BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64, "F4": 4,
}  # fmt: skip
MOST_FILLED = 4096  # bytes of a tensor that are written; of larger ones a hole remains


@dataclass(frozen=True)
class Stored:
    """A tensor of a document: what its header shall say, and its bytes; with fewer than it declares the rest is zero.

    offsets: what the header says of its place, where that is not the truth.
    """

    name: str
    dtype: Any
    shape: Any
    content: bytes = b""
    offsets: Any = None

    @property
    def size(self) -> int:
        """The bytes that type and shape ask for, as far as they mean something."""
        dims = self.shape if isinstance(self.shape, list) else []
        if not all(isinstance(each, int) and 0 <= each < 2**64 for each in dims):
            return len(self.content)
        return int(prod(dims)) * BITS.get(str(self.dtype), 8) // 8


@dataclass(frozen=True)
class Document:
    """A file: its metadata and tensors.

    extra: entries of the header beside them. length: what the first eight bytes say, where that is not the truth.
    tail: what follows the last tensor. cut: how many bytes are left of the whole, where it ends early.
    """

    metadata: Any
    tensors: tuple[Stored, ...]
    extra: tuple[tuple[str, Any], ...] = ()
    length: int | None = None
    tail: bytes = b""
    cut: float | None = None

    def build(self) -> Input:
        """The file."""
        items: list[tuple[str, Any]] = [] if self.metadata is None else [("__metadata__", self.metadata)]
        parts, offset, written = [], 0, 0
        for each in self.tensors:
            stop = offset + each.size
            items.append((each.name, _describe(each, [offset, stop])))
            if each.content and offset < 2**24:
                parts.append((offset, each.content[: each.size]))
                written = max(written, offset + len(parts[-1][1]))
            offset = stop
        header = write_json(Pairs([*items, *self.extra])).encode("utf-8", "surrogatepass")
        header += b" " * (-len(header) % 8)
        data = bytearray(written)
        for start, content in parts:
            data[start : start + len(content)] = content
        length = len(header) if self.length is None else self.length
        whole = struct.pack("<Q", length % 2**64) + header + bytes(data)
        size = min(8 + len(header) + offset, 2**42)
        if self.tail:
            whole, size = whole + bytes(max(0, min(size - len(whole), 2**20))) + self.tail, 0
        if self.cut is not None:
            return Input(whole[: int(self.cut * len(whole))])
        return Input(whole, size if size > len(whole) else 0)


def read_document(content: bytes) -> Document:
    """Take a well-formed file apart."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    metadata = header.pop("__metadata__", None)
    tensors = []
    for name, each in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        start, stop = (8 + length + end for end in each["data_offsets"])
        kept = content[start : min(stop, start + MOST_FILLED)]
        tensors.append(Stored(name, each["dtype"], list(each["shape"]), kept))
    return Document(metadata, tuple(tensors))


def shrink(document: Document) -> Iterator[Document]:
    """Documents that are a step smaller."""
    for many in (len(document.tensors) // 2, len(document.tensors) // 4, 1):
        for start in range(0, len(document.tensors), many or 1):
            if many:
                yield replace(document, tensors=_without(document.tensors, start, start + many))
    if isinstance(document.metadata, dict):
        for smaller in list_smaller(document.metadata):
            yield replace(document, metadata=smaller)
        for name, text in document.metadata.items():
            for smaller in _shrink_json(text):
                yield replace(document, metadata={**document.metadata, name: smaller})
    for index, each in enumerate(document.tensors):
        if any(each.content):
            yield replace(
                document,
                tensors=(*document.tensors[:index], replace(each, content=b""), *document.tensors[index + 1 :]),
            )
    yield replace(document, extra=(), tail=b"", cut=None)


def _shrink_json(text: Any) -> Iterator[str]:
    """JSON within the text of a header."""
    try:
        tree = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return
    if isinstance(tree, (dict, list)):
        yield from map(write_json, list_smaller(tree))


def _describe(each: Stored, offsets: list[int]) -> dict[str, Any]:
    return {
        "dtype": each.dtype,
        "shape": each.shape,
        "data_offsets": offsets if each.offsets is None else each.offsets,
    }


def _without(tensors: Sequence[Stored], start: int, stop: int) -> tuple[Stored, ...]:
    return (*tensors[:start], *tensors[stop:])
