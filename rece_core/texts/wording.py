"""How numbers and the words of others are put into words."""

from __future__ import annotations

import re

SHOWN = 60  # letters

# What commands a terminal (all but tabs and line ends), turns the direction of what follows, or ends a line unseen.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def escape_controls(text: str) -> str:
    """`text` with the numbers of what is no letter but a command, such as \\u001b, so that it can be shown anywhere."""
    return _CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def quote(text: str) -> str:
    """`text` in quotes, of a long one its beginning: what strangers write can be of any length."""
    return repr(text) if len(text) <= SHOWN else f"{text[:SHOWN]!r}…"


def count(number: int, noun: str) -> str:
    """`1 epoch`, `2 epochs`; for nouns whose plural takes an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def describe_forgotten(share: float) -> str:
    """How much is forgotten, in percent; what is no such share in words too."""
    if share != share:
        return "unknown (the model reads the words as it reads their anchor: there was nothing to forget)"
    return f"{share:.1%}{'' if is_share(share) else ' (nothing: the words are further from their anchor than before)'}"


def describe_recoverable(share: float) -> str:
    """How much comes back, in percent; what is no such share in words too."""
    if share != share:
        return "unknown (the model reads the words as it reads their anchor: there was nothing to bring back)"
    return f"{share:.1%}{'' if is_share(share) else ' (nothing: it leads past the anchor, away from the concept)'}"


def is_share(share: float) -> bool:
    """Whether it is known, and not below 0 as it is shown."""
    return share >= -0.0005
