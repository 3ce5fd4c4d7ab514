"""How numbers are put into words."""

from __future__ import annotations


def count(number: int, noun: str) -> str:
    """`1 epoch`, `2 epochs`; for nouns whose plural takes an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
