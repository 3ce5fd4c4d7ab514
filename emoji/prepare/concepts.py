"""Which emoji are concepts: those with a name and keywords that are pictures of something."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..world import CONCEPTS
from .packages import read

#: So many of the seven sets must have a picture of a concept.
FEWEST_SETS = 5
_JOINER = "200D"
#: Flags, plain arrows, buttons, keycaps, the faces of clocks, parts of other emoji: nothing to draw or too many alike.
_LEFT_OUT = re.compile(
    r"flag|arrow$|button|keycap|regional indicator|skin tone|o’clock$|-thirty$|^family$"
    r"|^person [\w ]+ing\b|^person in |dancing$|headscarf$"  # what people do: other people in every set
)


def read_entries(names: Path) -> list[dict[str, Any]]:
    """The entries of the list of names that may be concepts, in its order."""
    listed = read(names / "en" / "data.json")
    return [
        entry
        for entry in listed
        if entry.get("tags") and _JOINER not in entry["hexcode"] and not _LEFT_OUT.search(entry["label"])
    ]


def write_concepts(entries: Sequence[dict[str, Any]], path: Path = CONCEPTS) -> None:
    """Store concepts in the order of their numbers, one a line."""
    kept = ("label", "tags", "emoji", "group", "subgroup")
    lines = [json.dumps({name: entry[name] for name in kept}, ensure_ascii=False) for entry in entries]
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
