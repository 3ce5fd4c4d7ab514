"""`inspect`: say what a file is."""

from __future__ import annotations

import json
from argparse import Namespace

from ..checkpoints.checkpoint import open_model
from ..checkpoints.file_kinds import identify_file


def run(options: Namespace) -> str:
    """What the file is, as text or as JSON with its whole header of texts."""
    found = identify_file(options.file)
    if not options.json:
        return found.describe()
    header = dict(open_model(options.file).metadata)
    told = {"file": str(options.file), "kind": found.kind, **found.facts, "header": header}
    return json.dumps(told, ensure_ascii=False, indent=2)
