"""Where an erased model, or an erasure, comes from: for the header of every file that is written."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import torch

from .. import __version__
from ..erasing.erase import EpochRecord
from ..erasing.erasure import Erasure, Part
from ..erasing.presence import Held
from ..reporting.description import describe_settings
from ..storage.header import MAKER, add_provenance


def describe_provenance(erasure: Erasure) -> dict[str, str]:
    """What was erased onto what, how, on what and with what measures, as texts by name.

    `made_by`, `made_on`, `erased` and `how` are plain words; all else is JSON.
    """
    fields: dict[str, Any] = {
        "concepts": asdict(replace(erasure.concepts, embeddings=())),  # what they were, M knows
        "parts": {cond_input: _describe_part(part) for cond_input, part in erasure.parts.items()},
        "text_encoder": dict(erasure.encoder),
        "left_alone": dict(erasure.left_alone),
        "text_weights": erasure.text_weights,
    }
    return {
        "made_by": f"{MAKER} {__version__} with PyTorch {torch.__version__}",
        "made_on": erasure.family,
        "erased": erasure.concepts.describe(),
        "how": "\n".join(
            f"{cond_input}: {describe_settings(part.settings)}" for cond_input, part in erasure.parts.items()
        ),
        **{name: json.dumps(value, ensure_ascii=False) for name, value in fields.items()},
    }


def describe_chain(held: Sequence[Held]) -> dict[str, str]:
    """The same of all that a model holds, in the order of erasing: the last as it is, those before in a list.

    Where a model holds one in part only, what was erased says so.
    """
    told: dict[str, str] = {}
    for each in held:
        provenance = describe_provenance(each.erasure)
        if not each.share.is_whole:
            provenance["erased"] += f"\n({each.share.describe()})"
        told = add_provenance(told, {**provenance, "held": each.share.describe()})
    return told


def describe_base(held: Sequence[Held]) -> dict[str, str]:
    """What had been erased from the model that a difference goes on top of, and that the difference does not hold."""
    lines = [each.describe() for each in held if each.is_there]
    return {"on_top_of": "\n".join(lines)} if lines else {}


def describe_origin(header: Mapping[str, str]) -> str:
    """By what and on which model the erasure with this header was made: a line of plain words.

    Of the model's fingerprint the first numbers, which distinguish models at a glance.
    """
    parts = json.loads(header["parts"])
    bases = (
        f"{cond_input} {', '.join(f'{x:.2f}' for x in part['base_model'][:3])} …" for cond_input, part in parts.items()
    )
    maker = header.get("made_by", "an unknown version")
    return f"Made by {maker} on a model of the family {header['made_on']}; fingerprint: {'; '.join(bases)}"


def _describe_part(part: Part) -> dict[str, Any]:
    return {
        "settings": asdict(part.settings),
        "epochs": [_describe_record(record) for record in part.records],
        "base_model": part.base,
        "note": part.note,
    }


def _describe_record(record: EpochRecord) -> dict[str, float | str | None]:
    """Its fields; `nan` and `inf`, which JSON does not know, as text."""
    fields = asdict(record).items()
    return {name: value if value is None or math.isfinite(value) else str(value) for name, value in fields}
