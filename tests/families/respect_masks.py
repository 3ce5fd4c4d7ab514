"""Which models respect a mask over the text embedding, in the host's own Python.

    PYTHON_OF_THE_HOST respect_masks.py FOLDER_OF_THE_HOST FILE CASE …

Writes for each case of `cases.py` how far its output moves when a row that the mask hides is another one, and when one
that it shows is.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import sys
from pathlib import Path
from typing import Any

import torch
from cases import CASES
from run_model import ROOT, build, forward, make_text, relative


def main(host: str, file: str, *chosen: str) -> None:
    sys.path[:0] = [host]
    sys.path.append(str(ROOT))
    import comfy.cli_args

    comfy.cli_args.args.cpu = True
    logging.disable(logging.ERROR)
    torch.set_num_threads(1)
    with torch.inference_mode():
        found = {name: move_rows(CASES[name]) for name in chosen}
    Path(file).write_text(json.dumps(found, indent=1), "utf-8")


def move_rows(case: Any) -> dict[str, float]:
    """The relative change of the output for a hidden row, the last, and for a shown one, the first."""
    import comfy.supported_models

    if not hasattr(comfy.supported_models, case.model) or importlib.util.find_spec(case.needs) is None:
        return {}
    model, texts = (
        build(case),
        {cond_input: make_text(cond_input, width) for cond_input, width in case.cond_inputs.items()},
    )
    mask = torch.ones(1, len(texts["tokens"]), dtype=torch.long)
    mask[:, -1] = 0
    before, moved = forward(model, case, texts, attention_mask=mask), {}
    for name, row in (("hidden", -1), ("shown", 0)):
        tokens = texts["tokens"].clone()
        tokens[row] = tokens[row].flip(0)
        moved[name] = relative(forward(model, case, {**texts, "tokens": tokens}, attention_mask=mask), before)
    return moved


if __name__ == "__main__":
    main(*sys.argv[1:])
