"""What nodes send the page beside their text: the same results as data, which its panels show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..rece_core.attacks.red_team import AttackMeasures
from ..rece_core.erasing.erasure import Erasure
from ..rece_core.models.text_model import TOKENS


def describe_erased(erasure: Erasure, report: str) -> dict[str, Any]:
    """What was erased, the measures of the tokens after each edit, and why it stopped.

    `report`, which has every stream, is what the page copies.
    """
    return {
        "kind": "erasure",
        "concepts": [{"names": each.names, "anchors": each.anchors} for each in erasure.concepts.concepts],
        "epochs": [
            {
                "epoch": record.epoch,
                "forgotten": _finite(record.forgotten),
                "recoverable": _finite(record.recoverable),
                "drift": _finite(record.drift),
            }
            for record in erasure.parts[TOKENS].records
        ],
        "note": erasure.parts[TOKENS].note,
        "report": report,
    }


def describe_attacked(target: str, measured: Sequence[AttackMeasures], report: str) -> dict[str, Any]:
    """What each embedding of an attack brings back."""
    return {
        "kind": "attack",
        "target": target,
        "attacks": [
            {
                "forgotten": _finite(each.forgotten),
                "recoverable": _finite(each.recoverable),
                "norm": _finite(each.norm_ratio),
            }
            for each in measured
        ],
        "report": report,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None  # JSON has no NaN
