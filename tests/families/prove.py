"""Prove the table of families in the host's own Python: a model edited by it, given c, is the original given M c.

    PYTHON_OF_THE_HOST prove.py FOLDER_OF_THE_HOST FILE small|full [CASE …]

Writes what it found of every case of `cases`, small or of full size, to FILE as JSON. Models, weights and forward
passes are the host's own.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import sys
import time
import traceback
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from cases import CASES, FULL_SIZE
from run_model import PREFIX, ROOT, CondInputs, build, forward, make_text, relative
from torch import nn
from turn_texts import Operator, make_operator, turn, turn_behind_preprocessors

REPEATED = 1e-6  # what the same pass may differ by in float32: memory that lies otherwise is added up in another order


def main(host: str, file: str, size: str, *chosen: str) -> None:
    sys.path[:0] = [host]
    sys.path.append(str(ROOT))  # behind the host, whose `nodes` and ours have the same name
    import comfy.cli_args

    comfy.cli_args.args.cpu = True  # before anything else of the host asks for a device

    import comfyui_version

    logging.disable(logging.ERROR)
    torch.set_num_threads(1)
    cases = {"small": CASES, "full": FULL_SIZE}[size]
    found = {name: _prove_safely(case) for name, case in cases.items() if not chosen or name in chosen}
    Path(file).write_text(json.dumps({"host": comfyui_version.__version__, "cases": found}, indent=1), "utf-8")


def _prove_safely(case: Any) -> dict[str, Any]:
    """One case's findings, or why there are none, so that one broken family does not hide the others."""
    import comfy.supported_models

    if not hasattr(comfy.supported_models, case.model) or importlib.util.find_spec(case.needs) is None:
        return {"missing": "this host does not have the family"}
    start = time.perf_counter()
    try:
        with torch.inference_mode():
            return {**prove(case), "seconds": round(time.perf_counter() - start, 2)}
    except Exception:
        return {"error": traceback.format_exc()}


def prove(case: Any) -> dict[str, Any]:
    """Edit a random model of `case` through the host's patcher and compare its forward passes with the original's."""
    from rece_core.models.text_entries import find_family

    model = build(case)
    weights = {f"{PREFIX}{name}": weight for name, weight in model.diffusion_model.state_dict().items()}
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    family = find_family(shapes)
    texts = {cond_input: make_text(cond_input, width) for cond_input, width in case.cond_inputs.items()}
    widths = {entry.cond_input: entry.shape[1] for entry in family.entries}
    operators = {cond_input: make_operator(cond_input, width) for cond_input, width in widths.items()}
    turned_texts = {
        cond_input: turn(text, operators[cond_input])
        if cond_input in operators and cond_input not in family.preprocessors
        else text
        for cond_input, text in texts.items()
    }

    original, sums = forward(model, case, texts), add_up(model)
    with turn_behind_preprocessors(model, family, operators, weights) as preprocessor_difference:
        turned = forward(model, case, turned_texts)
    with edit(model, weights, family, operators):
        edited, edited_sums = forward(model, case, texts), add_up(model)
    alone = {}
    for cond_input in operators:
        with edit(model, weights, family, {cond_input: operators[cond_input]}):
            alone[cond_input] = relative(forward(model, case, texts), original)
    changed = {name for name in sums if edited_sums[name] != sums[name]}
    return {
        "family": family.name,
        "host_class": detect(model) if case.parameters else None,
        "parameters": sum(weight.numel() for weight in weights.values()),
        "difference": relative(edited, turned),
        "controls": alone,
        "preprocessor_difference": max(preprocessor_difference, default=None),
        "restored": add_up(model) == sums and relative(forward(model, case, texts), original) <= REPEATED,
        "changed_outside": sorted(changed - {entry.name for entry in family.entries}),
        "left_unchanged": sorted({entry.name for entry in family.entries} - changed),
        "joins": {
            cond_input: [target, family.preprocessors[cond_input].kind] for cond_input, target in family.joins.items()
        },
        "streams": {cond_input: describe(family, cond_input, shapes) for cond_input in operators},
    }


def detect(model: nn.Module) -> str:
    """What the host takes a file of these weights for."""
    import comfy.model_detection

    found = comfy.model_detection.model_config_from_unet(model.diffusion_model.state_dict(), "")
    return type(found).__name__


def add_up(model: nn.Module) -> dict[str, int]:
    """A checksum of each weight's bits, so that a model of 10 GB need not be copied to see what changed."""
    return {
        f"{PREFIX}{name}": zlib.crc32(weight.reshape(-1).view(torch.uint8).numpy())
        for name, weight in model.diffusion_model.state_dict().items()
    }


@contextlib.contextmanager
def edit(model: nn.Module, weights: CondInputs, family: Any, operators: Mapping[str, Operator]) -> Iterator[None]:
    """While this is open, the host's own patcher holds W M for every text entry."""
    import comfy.model_patcher

    patcher = comfy.model_patcher.ModelPatcher(model, torch.device("cpu"), torch.device("cpu"))
    patches: dict[Any, Any] = {}
    for entry in family.entries:
        if entry.cond_input in operators:
            start, stop = entry.columns or (0, entry.shape[1])
            left, right = operators[entry.cond_input]
            change = weights[entry.name][:, start:stop] @ left @ right.T
            key = (entry.name, (1, start, stop - start)) if entry.columns else entry.name
            patches[key] = ("diff", (change,))
    taken = patcher.add_patches(patches)
    assert len(taken) == len(patches), set(patches) - set(taken)
    patcher.patch_model(device_to=torch.device("cpu"))
    try:
        yield
    finally:
        patcher.unpatch_model(device_to=torch.device("cpu"))


def describe(family: Any, cond_input: str, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """What the table says of `cond_input` in this model."""
    from rece_core.models.text_entries import find_output

    entries = [entry for entry in family.entries if entry.cond_input == cond_input]
    seal = ""
    try:
        for entry in entries:
            if entry.role != "key":
                find_output(entry, shapes)
    except ValueError as error:
        seal = str(error)
    preprocessor = family.preprocessors.get(cond_input)
    return {
        "names": [entry.name.removeprefix(PREFIX) for entry in entries],
        "width": entries[0].shape[1],
        "columns": entries[0].columns,
        "preprocessor": preprocessor.kind if preprocessor else None,
        "seal": seal,
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
