"""Values that parsers stumble over."""

from __future__ import annotations

from random import Random
from typing import Any

DIGITS, DEEP_LIST, DEEP_OBJECT = "\ue000digits", "\ue000list", "\ue000object"  # stand for JSON that Python can't write
RAW = {
    DIGITS: "9" * 5000,
    DEEP_LIST: "[" * 5000 + "]" * 5000,
    DEEP_OBJECT: '{"a":' * 1000 + "1" + "}" * 1000,
}

NUMBERS: tuple[Any, ...] = (
    0, -1, 1, 2, 3, 63, 64, 77, 255, 2**31 - 1, 2**31, 2**32, 2**40, 2**53 + 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1,
    2**64, 10**12, 10**30, 10**400, -(2**63), 0.5, -0.0, 1.5, 1e-320, 1e308, -1e308,
    float("nan"), float("inf"), float("-inf"), DIGITS,
)  # fmt: skip
TEXTS = (
    "", " ", "\t", "\0", "a\0b", "\ud800", "\udfff x", "\ufeff", "\x1b[2J\x1b[31m", "\x9b31m", "\u202eabc", "a" * 300,
    "x" * 30_000, "../../../etc/passwd", "..\\..\\windows", "C:\\con", "/dev/zero", "file:///etc/passwd",
    "<script>alert(1)</script>", "=>", "a => b", "a => ", " => a", "a, b, c", ",,,,", "\\,", "{}", "{0}", "{}{}", "%s",
    "NaN", "nan", "inf", "-Infinity", "1e400", "1e999999999", "0E999999999", "1e-999999999", "-0", "1_000", "٣", "²",
    "0x10", "9" * 5000, "9" * 20, "18446744073709551616", "null", "[]", "{", '"', '""', "'", ";", "\n", "\r", "\r\n",
    "\u2028", "\x85", "é", "e\u0301", "ß", "İ", "🎨", "*", "**" * 50, "[!", "[a-", "?" * 200, "a @ b", "@", "*@*",
    "tokens", "pooled", "operator.left", "seal.", "rotation.", "__metadata__", "format", "rece-erasure",
)  # fmt: skip


def pick_value(random: Random) -> Any:
    """Any JSON value, mostly a strange one."""
    return random.choice(
        (
            lambda: random.choice(NUMBERS),
            lambda: random.choice(TEXTS),
            lambda: random.choice((None, True, False, [], {}, [[]], [{}], {"": None}, {"a": {"a": 1}})),
            lambda: random.choice((DEEP_LIST, DEEP_OBJECT)),
            lambda: [random.choice(NUMBERS)] * random.choice((1, 2, 3, 1000)),
            lambda: [random.choice(TEXTS)] * random.choice((1, 2, 3, 1000)),
            lambda: [f"{random.choice(TEXTS)[:50]}{number}" for number in range(random.choice((2, 200, 3000)))],
            lambda: {f"key {number}": random.choice(NUMBERS) for number in range(random.choice((2, 200, 3000)))},
        )
    )()
