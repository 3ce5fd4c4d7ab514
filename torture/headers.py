"""Lies in the headers of `.safetensors` files."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import replace
from random import Random
from typing import Any

from .documents import BITS, MOST_FILLED, Document, Stored
from .inputs import Input
from .palette import TEXTS, pick_value
from .raw_bytes import mutate_bytes
from .trees import mutate_tree, write_json

DIMS = (0, 1, 2, 3, 63, 64, 65, 128, 256, 767, 769, 1024, 2**20, 10**9, 2**40, 2**62, 2**63, 2**64 - 1)
FLOATS = {"F64": "<d", "F32": "<f"}


def mutate_document(random: Random, document: Document) -> Input:
    """The file with some lies: about shapes, types, places, names, numbers or metadata; or with damaged bytes."""
    if random.random() < 0.15:
        built = document.build()
        return Input(mutate_bytes(random, built.content, random.choice((1, 1, 2, 6))), built.size)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        document = random.choice(LIES)(random, document)
    return document.build()


def _lie_of_shape(random: Random, document: Document) -> Document:
    def lie(each: Stored) -> Stored:
        shape = list(each.shape) if isinstance(each.shape, list) else []
        choice = random.randrange(7)
        if choice == 0:
            shape = [*shape, random.choice((1, 1, 2, 0))]
        elif choice == 1:
            shape = shape[:-1]
        elif choice == 2:
            shape = shape[::-1]
        elif choice == 3 and shape:
            shape[random.randrange(len(shape))] += random.choice((-1, 1, 64))
        elif choice == 4:
            return replace(
                each, shape=random.choice(([1] * 100, [0] * 1000, [], None, "3", {}, [None], ["3"], [1.5], [-1]))
            )
        elif shape:
            shape[random.randrange(len(shape))] = random.choice(DIMS)
        return replace(each, shape=shape)

    return _change_some(random, document, lie)


def _lie_of_type(random: Random, document: Document) -> Document:
    dtype = random.choice((*BITS, "F8", "f32", "", None, 3, "F128"))
    return _change_some(random, document, lambda each: replace(each, dtype=dtype))


def _lie_of_place(random: Random, document: Document) -> Document:
    def lie(each: Stored) -> Stored:
        size = each.size
        places: tuple[Any, ...] = (
            [0, size], [-size, 0], [size, 0], [0, 2**63], [2**64 - 1, 2**64 - 1], [1, size + 1], [0], [0, 1, 2], [],
            [0.0, float(size)], ["0", "1"], None, {}, [10**30, 10**30 + size], [float("nan"), 1],
        )  # fmt: skip
        return replace(each, offsets=random.choice(places))

    return _change_some(random, document, lie)


def _lie_of_name(random: Random, document: Document) -> Document:
    def lie(each: Stored) -> Stored:
        choice = random.randrange(5)
        if choice == 0:
            return replace(each, name=random.choice(TEXTS))
        if choice == 1:
            number = str(random.choice((0, 7, 999_999_999, "9" * 5000, "-1", "x", "")))
            return replace(each, name=re.sub(r"\d+", number, each.name, count=1))
        if choice == 2:
            parts = each.name.split(".")
            del parts[random.randrange(len(parts))]
            return replace(each, name=".".join(parts))
        if choice == 3:
            return replace(each, name=random.choice(document.tensors).name if document.tensors else "a")
        return replace(each, name=mutate_bytes(random, each.name.encode("utf-8", "replace")).decode("utf-8", "replace"))

    return _change_some(random, document, lie)


def _drop_or_double(random: Random, document: Document) -> Document:
    tensors = list(document.tensors)
    for _ in range(random.choice((1, 1, 2, 10))):
        if tensors and random.random() < 0.7:
            del tensors[random.randrange(len(tensors))]
        elif tensors:
            tensors.insert(random.randrange(len(tensors)), random.choice(tensors))
    return replace(document, tensors=tuple(tensors))


def _crowd(random: Random, document: Document) -> Document:
    """Very many tensors of nothing."""
    count = random.choice((20, 20, 20, 20, 300, 300, 300, 5000))
    name = random.choice([each.name for each in document.tensors] or ["a"])[:100]
    crowd = tuple(Stored(f"{name}{number}", "F32", [0]) for number in range(count))
    return replace(document, tensors=(*document.tensors, *crowd))


def _fill(random: Random, document: Document) -> Document:
    """Other numbers."""

    def fill(each: Stored) -> Stored:
        size = max(0, min(each.size, MOST_FILLED))
        form = FLOATS.get(str(each.dtype))
        if form and random.random() < 0.8:
            number = random.choice((float("nan"), float("inf"), float("-inf"), 0.0, 1e38, 1e-40, -1.0))
            return replace(each, content=struct.pack(form, number) * (size // struct.calcsize(form)))
        return replace(each, content=random.choice((b"\xff" * size, b"\0" * size, random.randbytes(size))))

    return _change_some(random, document, fill)


def _lie_of_metadata(random: Random, document: Document) -> Document:
    metadata = document.metadata
    if not isinstance(metadata, dict) or random.random() < 0.15:
        lie = pick_value(random) if random.random() < 0.5 else {"format": "rece-erasure", "a": random.choice(TEXTS)}
        return replace(document, metadata=lie)
    if not metadata or random.random() < 0.2:
        return replace(document, metadata=mutate_tree(random, metadata))
    name = random.choice(list(metadata))
    try:
        tree = json.loads(metadata[name])
    except (ValueError, TypeError, RecursionError):
        return replace(document, metadata={**metadata, name: random.choice(TEXTS)})
    lie = write_json(mutate_tree(random, tree, random.choice((1, 1, 2, 4))))
    return replace(document, metadata={**metadata, name: lie})


def _lie_of_length(random: Random, document: Document) -> Document:
    length = random.choice((0, 1, 7, 10**6, 10**8, 10**8 + 1, 2**40, 2**63, 2**64 - 1, random.randrange(2000)))
    return replace(document, length=length)


def _lie_beside(random: Random, document: Document) -> Document:
    """Entries that are no tensors, the metadata twice, more behind the end, or less of it."""
    choice = random.randrange(4)
    if choice == 0:
        return replace(document, cut=random.random())
    if choice == 1:
        return replace(document, tail=random.randbytes(random.choice((1, 8, 1000))))
    name = random.choice(("__metadata__", "extra", *TEXTS))
    return replace(document, extra=((name, random.choice((pick_value(random), {"dtype": "F32"}))),))


LIES = (
    _lie_of_shape, _lie_of_shape, _lie_of_shape, _lie_of_type, _lie_of_place, _lie_of_name, _lie_of_name,
    _drop_or_double, _drop_or_double, _crowd, _fill, _fill, _lie_of_metadata, _lie_of_metadata, _lie_of_metadata,
    _lie_of_metadata, _lie_of_metadata, _lie_of_length, _lie_beside,
)  # fmt: skip


def _change_some(random: Random, document: Document, change: Any) -> Document:
    """One tensor changed, or each of several, or all."""
    tensors = list(document.tensors)
    if not tensors:
        return document
    count = random.choice((1, 1, 1, 2, 5, len(tensors)))
    for place in random.sample(range(len(tensors)), min(count, len(tensors))):
        tensors[place] = change(tensors[place])
    return replace(document, tensors=tuple(tensors))
