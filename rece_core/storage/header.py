"""What the header of a `.safetensors` file says of erasures: on a checkpoint that is erased from again, of all."""

from __future__ import annotations

import json
from collections.abc import Mapping

from .json_text import parse_json

MAKER = "ComfyUI-RECE"
FOLDED = "rece"  # in headers that the host writes, which makes JSON of all it is given
EARLIER = "earlier"  # a JSON list of what the header said of erasures before the last one, oldest first


def unfold(metadata: Mapping[str, str]) -> dict[str, str]:
    """A header with what RECE Save Checkpoint wrote into one JSON object, `rece`, as texts of their own."""
    try:
        folded = parse_json(metadata.get(FOLDED, "{}"))
    except ValueError:
        folded = {}
    told = folded.items() if isinstance(folded, dict) else ()
    texts = {name: text if isinstance(text, str) else json.dumps(text, ensure_ascii=False) for name, text in told}
    return {**{name: text for name, text in metadata.items() if name != FOLDED or not texts}, **texts}


def add_provenance(metadata: Mapping[str, str], provenance: Mapping[str, str]) -> dict[str, str]:
    """The header `metadata` with `provenance` added; what it said of an erasure before moves into a list."""
    metadata = unfold(metadata)
    if not is_erased(metadata):
        return {**metadata, **provenance}
    before = {name: text for name, text in metadata.items() if name in provenance}
    earlier = json.dumps([*list_earlier(metadata), before], ensure_ascii=False)
    return {**metadata, **provenance, EARLIER: earlier}


def is_erased(metadata: Mapping[str, str]) -> bool:
    """Whether a header is that of a file that this pack erased from, or of an erasure."""
    return "erased" in metadata and metadata.get("made_by", "").startswith(MAKER)


def list_earlier(metadata: Mapping[str, str]) -> list[dict[str, str]]:
    """What a header says of the erasures before the last one, oldest first; none where that cannot be read."""
    try:
        earlier = parse_json(metadata.get(EARLIER, "[]"))
    except ValueError:
        return []
    told = [each for each in earlier if isinstance(each, dict)] if isinstance(earlier, list) else []
    return [{name: text for name, text in each.items() if isinstance(text, str)} for each in told]
