"""How numbers and the words of others are put into words."""

from __future__ import annotations

SHOWN = 60  # letters


def quote(text: str) -> str:
    """`text` in quotes, of a long one its beginning: what strangers write can be of any length."""
    return repr(text) if len(text) <= SHOWN else f"{text[:SHOWN]!r}…"


def count(number: int, noun: str) -> str:
    """`1 epoch`, `2 epochs`; for nouns whose plural takes an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
