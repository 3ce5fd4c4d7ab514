"""What nodes send the page beside their text: the same results as data, which its panels show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..rece_core.attacks.red_team import AttackMeasures
from ..rece_core.erasing.erase import EpochRecord
from ..rece_core.erasing.erasure import Erasure
from ..rece_core.models.text_model import TOKENS


def describe_erased(erasure: Erasure, report: str) -> dict[str, Any]:
    """What was erased, the measures of the tokens after each edit, why it stopped, and how other inputs ended.

    An erasure of other inputs than tokens alone has its first one in their place. `report`, which has every
    conditioning input in full, is what the page copies.
    """
    main = TOKENS if TOKENS in erasure.parts else next(iter(erasure.parts))
    return {
        "kind": "erasure",
        "concepts": [{"names": each.names, "anchors": each.anchors} for each in erasure.concepts.concepts],
        "epochs": [_describe_record(record) for record in erasure.parts[main].records],
        "note": erasure.parts[main].note,
        "others": [
            {"stream": cond_input, **_describe_record(part.records[-1])}
            for cond_input, part in erasure.parts.items()
            if cond_input != main
        ],
        "report": report,
    }


def _describe_record(record: EpochRecord) -> dict[str, Any]:
    return {
        "epoch": record.epoch,
        "forgotten": _finite(record.forgotten),
        "recoverable": _finite(record.recoverable),
        "drift": _finite(record.drift),
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
