"""Damage to bytes, whatever they mean."""

from __future__ import annotations

from random import Random

HEAD = 65536  # where damage falls: what is behind is numbers


def mutate_bytes(random: Random, content: bytes, times: int = 1) -> bytes:
    """`content` with bits flipped, bytes replaced, removed, doubled or inserted, or its end cut off."""
    for _ in range(times):
        content = _damage(random, content)
    return content


def _damage(random: Random, content: bytes) -> bytes:
    reach = min(len(content), HEAD)
    at = random.randrange(reach + 1)
    length = random.choice((1, 1, 2, 4, 8, 64, 1000))
    choice = random.randrange(8)
    if choice == 0:
        return content[:at]
    if choice == 1:
        return content[:at] + content[at + length :]
    if choice == 2:
        return content[:at] + content[at : at + length] * random.choice((2, 3, 50)) + content[at + length :]
    if choice == 3:
        return content[:at] + random.randbytes(length) + content[at:]
    if choice == 4:
        return content[:at] + random.randbytes(length) + content[at + length :]
    if choice == 5:
        return (
            content[:at]
            + random.choice((b"\0", b"\xff", b"\xed\xa0\x80", b'"', b"\n", b",", b"[", b"}"))
            + content[at:]
        )
    if choice == 6:
        other = random.randrange(reach + 1)
        return content[:at] + content[other : other + length] + content[at + length :]
    if at >= len(content):
        return content + b"\0"
    return content[:at] + bytes([content[at] ^ (1 << random.randrange(8))]) + content[at + 1 :]
