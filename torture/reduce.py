"""The smallest input that fails alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

from .documents import read_document, shrink
from .inputs import Input
from .trees import list_smaller, write_json

MOST_TRIES = 400
Fails = Callable[[Input], bool]


def reduce_input(given: Input, fails: Fails, tries: int = MOST_TRIES) -> Input:
    """The smallest of the inputs reached from `given`, in steps that each still fail; `tries` of them at most."""
    while tries > 0:
        for smaller in _list_smaller(given):
            tries -= 1
            if (len(smaller.content), smaller.size) < (len(given.content), given.size) and fails(smaller):
                given = smaller
                break
            if tries <= 0:
                return given
        else:
            return given
    return given


def _list_smaller(given: Input) -> Iterator[Input]:
    if given.size:
        yield replace(given, size=0)
    try:
        document = read_document(given.content)
        yield document.build()
        for smaller in shrink(document):
            yield smaller.build()
    except Exception:  # noqa: S110 - it is no well-formed file of tensors: damage is what it is about
        pass
    try:
        for tree in list_smaller(json.loads(given.content)):
            yield Input(write_json(tree).encode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        pass
    length = len(given.content)
    part = length // 2
    while part:
        for start in range(0, length, part):
            yield replace(given, content=given.content[:start] + given.content[start + part :])
        part //= 2
