"""The kinds of a campaign with room for slow machines: what hangs still takes longer."""

from __future__ import annotations

from dataclasses import replace

from torture.kinds import ALL

KINDS = {kind.name: replace(kind, seconds=30) for kind in ALL}
EXPENSIVE = ("encoder.safetensors", "erase.safetensors")
COUNTS = {name: 60 for name in KINDS if name not in EXPENSIVE} | {"encoder.safetensors": 8}
