"""JSON from files of strangers: read, or refused before it costs anything."""

from __future__ import annotations

import json
from typing import Any

MOST_NESTED = 40  # lists and objects within each other; the pack writes seven


def parse_json(text: str) -> Any:
    """What the JSON `text` says; ValueError for what is none, is nested too deep, or holds half a character.

    Half a character, a lone surrogate, can't be written to any file, nor shown.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(f"it is nested more than {MOST_NESTED} deep; expected at most that.") from None
    _check(value)
    return value


def _check(value: Any) -> None:
    """Level by level, as Python's own stack is small."""
    level = [value]
    for _ in range(MOST_NESTED + 1):
        inner: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                inner += each
                inner += each.values()
            elif isinstance(each, list):
                inner += each
            elif isinstance(each, str) and not is_whole(each):
                raise ValueError(f"it holds half a character in {each[:40]!r}; expected whole Unicode text.")
        if not inner:
            return
        level = inner
    raise ValueError(f"it is nested more than {MOST_NESTED} deep; expected at most that.")


def is_whole(text: str) -> bool:
    """Whether `text` has no lone surrogates, which stand for half a character."""
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
