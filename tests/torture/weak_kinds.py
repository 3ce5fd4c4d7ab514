"""Parsers that are deliberately weak: what a campaign must catch."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from torture.inputs import Input
from torture.kind import Kind


def _make(random: Random) -> Input:
    return Input(b"x" * random.randrange(1, 9))


def _break(path: Path) -> None:
    if path.stat().st_size % 2:
        raise KeyError("x")


def _hang(path: Path) -> None:
    while path.stat().st_size >= 7:
        pass


def _hoard(path: Path) -> None:
    if path.stat().st_size >= 7:
        bytearray(600 << 20)


def _quote(path: Path) -> None:
    json.loads(path.read_bytes())


def _refuse(path: Path) -> None:
    raise ValueError(f"{path.name} is no such file; expected another one. Choose that.")


ATTACKS = {"break": _break, "hang": _hang, "hoard": _hoard, "quote": _quote, "refuse": _refuse}
KINDS = {name: Kind(name, 40, _make, attack, lambda: [], seconds=1) for name, attack in ATTACKS.items()}
