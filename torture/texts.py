"""Damage to texts of lines and cells: CSV lists, captions, concepts."""

from __future__ import annotations

from random import Random

from .palette import TEXTS
from .raw_bytes import mutate_bytes

MOST = 1_000_000  # letters: what costs too much must do so with few


def mutate_text(random: Random, content: bytes) -> bytes:
    """A text with lines, cells or bytes changed."""
    if random.random() < 0.3:
        return mutate_bytes(random, content, random.choice((1, 1, 2, 5)))
    text = content.decode("utf-8", "surrogatepass")
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        text = _change(random, text)[:MOST]
    return text.encode(random.choice(("utf-8",) * 20 + ("utf-16", "utf-32", "utf-8-sig")), "surrogatepass")


def _change(random: Random, text: str) -> str:
    lines = text.split("\n")
    at = random.randrange(len(lines))
    choice = random.randrange(9)
    if choice == 0:
        del lines[at]
    elif choice == 1:
        lines[at:at] = [lines[at]] * random.choice((1, 2, 100))
    elif choice == 2:
        lines[at] = lines[at] * random.choice((2, 100, 2000))
    elif choice == 3:
        lines.insert(at, random.choice(TEXTS))
    elif choice == 4:
        shared = random.choice(TEXTS)[:30]
        lines[at:at] = [f"{shared}{number}{lines[at][:200]}" for number in range(random.choice((10, 300, 5000)))]
    elif choice == 5:
        other = random.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    else:
        cells = lines[at].split(",")
        place = random.randrange(len(cells))
        if choice == 6:
            cells[place] = random.choice(TEXTS)
        elif choice == 7:
            cells.insert(place, random.choice(TEXTS[:30]))
        else:
            cells[place : place + 1] = cells[place : place + 1] * random.choice((0, 2, 500))
        lines[at] = ",".join(cells)
    return "\n".join(lines)
