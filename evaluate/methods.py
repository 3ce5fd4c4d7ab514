"""What is compared: ways to make a model forget, as widgets of RECE Iterate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from demo.graphs import ITERATE


@dataclass(frozen=True)
class Method:
    """One row of the table. widgets: of RECE Iterate, None for the original model; negative: a negative prompt.

    hardened: whether it erases twice, the second time with what concept inversion found after the first. anchor: what
    targets without an anchor act like, where RECE Concepts is not to choose.
    """

    name: str
    widgets: dict[str, Any] | None = None
    negative: bool = False
    hardened: bool = False
    anchor: str = ""


def _iterate(name: str, hardened: bool = False, anchor: str = "", **changes: Any) -> Method:
    return Method(name, {**ITERATE, **changes}, hardened=hardened, anchor=anchor)


# What RECE Iterate does where nothing is changed.
_DEFAULT: dict[str, Any] = {
    "schedule": "automatic",
    "mode": "prior",
    "seal": 1.0,
    "epochs": 3,
    "iteration": "cumulative",
}


ORIGINAL = Method("original")
FIRST_EDIT = _iterate("first edit (UCE)")
METHODS = (
    ORIGINAL,
    Method("negative prompt", negative=True),
    FIRST_EDIT,
    _iterate("RECE, as in the paper", epochs=3),
    _iterate("RECE, cumulative", epochs=3, iteration="cumulative"),
    _iterate("prior", mode="prior"),
    _iterate("prior, 3 epochs", mode="prior", epochs=3, iteration="cumulative"),
    _iterate("strict", mode="strict"),
    _iterate("orthogonal", mode="orthogonal"),
    _iterate("paper + value erasure", seal=1.0),
    _iterate("prior + value erasure", mode="prior", seal=1.0),
    _iterate("strict + value erasure", mode="strict", seal=1.0),
    _iterate("orthogonal + value erasure", mode="orthogonal", seal=1.0),
    _iterate("prior + value erasure, hardened", hardened=True, mode="prior", seal=1.0),
    _iterate("automatic, prior + value erasure", **_DEFAULT),
)
# Beside these, where targets have no anchors of their own.
WITHOUT_ANCHORS = (
    _iterate("automatic, prior", **{**_DEFAULT, "seal": 0.0}),
    _iterate("automatic, prior + value erasure, onto one space", anchor=" ", **_DEFAULT),
)


def _weaken() -> Iterator[Method]:
    for mode, ridges in {"prior": (0.1, 1.0, 10.0), "paper": (0.1, 1.0), "strict": (0.1,)}.items():
        for ridge in ridges:
            for epochs in (0, 1, 3):
                name = f"{mode} + value erasure, ridge {ridge:g}, epochs {epochs}"
                yield _iterate(name, mode=mode, seal=1.0, edit_ridge=ridge, epochs=epochs, iteration="cumulative")


# Sealed erasures that drift little to much, for what drift says of what is kept; not part of the table.
DRIFTING = tuple(_weaken())
