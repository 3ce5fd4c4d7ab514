"""LoRA files of every family in the host's own Python: what its loader makes of them is what was saved.

    PYTHON_OF_THE_HOST lora_trips.py FOLDER_OF_THE_HOST FILE [CASE …]

Writes what it found of every case of `cases.py` to FILE as JSON.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from cases import CASES
from run_model import PREFIX, ROOT, build
from torch import Tensor, nn
from turn_texts import make_operator

NOT_LOADED = "lora key not loaded"
WIDEST = 8192  # the Gram matrix of a text twice as wide takes gigabytes


def main(host: str, file: str, *chosen: str) -> None:
    sys.path[:0] = [host]
    sys.path.append(str(ROOT))  # behind the host, whose `nodes` and ours have the same name
    import comfy.cli_args

    comfy.cli_args.args.cpu = True  # before anything else of the host asks for a device

    import comfyui_version

    torch.set_num_threads(1)
    found = {name: _go_safely(case) for name, case in CASES.items() if not chosen or name in chosen}
    Path(file).write_text(json.dumps({"host": comfyui_version.__version__, "cases": found}, indent=1), "utf-8")


def _go_safely(case: Any) -> dict[str, Any]:
    """One case's findings, or why there are none, so that one broken family does not hide the others."""
    import comfy.supported_models

    if not hasattr(comfy.supported_models, case.model) or importlib.util.find_spec(case.needs) is None:
        return {"missing": "this host does not have the family"}
    try:
        with torch.inference_mode():
            return go(case)
    except Exception:
        return {"error": traceback.format_exc()}


def go(case: Any) -> dict[str, Any]:
    """Save a random erasure, with value erasers where the model allows, as a LoRA, and load it as the host does."""
    from rece_core.sharing.lora_file import make_lora

    network = build(narrow(case))
    weights = {f"{PREFIX}{name}": weight.clone() for name, weight in network.diffusion_model.state_dict().items()}
    model = describe(weights)
    erasure = make_erasure(model)
    lora = make_lora(erasure, model, weights.__getitem__)
    expected = erase(model, erasure, weights)
    after, missed = load(network, dict(lora.tensors))
    _, missed_damaged = load(network, {f"{name}.no": tensor for name, tensor in lora.tensors.items()})
    differences = {
        name: float((after[name] - expected[name]).norm() / (expected[name] - weights[name]).norm())
        for name in weights
        if not torch.equal(weights[name], expected[name])
    }
    return {
        "prefix": re.match(r"lora_unet_|\w+\.", next(iter(lora.tensors)))[0],
        "with_erasers": sorted(cond_input for cond_input, part in erasure.parts.items() if part.value_erasers),
        "difference": max(differences.values()),
        "changed": len(differences),
        "changed_outside": sorted(
            name for name in weights.keys() - differences.keys() if not torch.equal(after[name], weights[name])
        ),
        "missed": missed,
        "missed_damaged": len(missed_damaged) / len(lora.tensors),
    }


def narrow(case: Any) -> Any:
    """`case` with a text as wide as this can hold."""
    if case.config.get("context_in_dim", 0) <= WIDEST:
        return case
    return replace(
        case, config={**case.config, "context_in_dim": 1024}, cond_inputs={**case.cond_inputs, "tokens": 1024}
    )


def describe(weights: Mapping[str, Tensor]) -> Any:
    """The model of these weights, as the engine needs to know it."""
    from rece_core.models.text_entries import find_family
    from rece_core.models.text_model import TextModel
    from rece_core.models.weights import Weight

    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}

    def read(entries: Any, on_step: Any) -> Iterator[Any]:
        for entry in entries:
            yield Weight(
                entry.name, entry.role, weights[entry.name][:, slice(*entry.columns or (None,))], entry.cond_input
            )

    return TextModel(find_family(shapes), shapes, read)


def make_erasure(model: Any) -> Any:
    """A random operator for each conditioning input, and a value eraser in each layer of those that can have one."""
    from rece_core.algebra.operator import Operator
    from rece_core.erasing.erasure import Erasure, Part
    from rece_core.erasing.settings import EditSettings, EraseSettings
    from rece_core.erasing.value_eraser import ValueEraser
    from rece_core.models.fingerprint import fingerprint
    from rece_core.models.weights import accumulate_gram
    from rece_core.texts.concepts import parse_concepts

    parts = {}
    for cond_input, entries in model.cond_inputs.items():
        left, right = make_operator(cond_input, entries[0].shape[1])
        value_erasers = {}
        try:
            model.check_value_erasure(cond_input)
        except ValueError:
            pass
        else:
            for number, entry in enumerate(entry for entry in entries if entry.role != "key"):
                generator = torch.Generator().manual_seed(number)
                write = torch.randn(entry.shape[0], 1, generator=generator, dtype=torch.float64)
                value_erasers[entry.name] = ValueEraser(
                    write, write / write.square().sum(), torch.ones(1, dtype=torch.float64)
                )
        base = fingerprint(accumulate_gram(model.read(entries, str)).total)
        settings = EraseSettings(EditSettings(), epochs=0, seal=0.9 if value_erasers else 0.0)
        parts[cond_input] = Part(
            Operator(left.double(), right.double()), settings, (), base, value_erasers=value_erasers
        )
    return Erasure(parts, parse_concepts("style", "van gogh => art"), {}, model.family.name)


def erase(model: Any, erasure: Any, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """All of `weights`, erased."""
    erased = {name: weight.clone() for name, weight in weights.items()}
    for cond_input, part in erasure.parts.items():
        entries = model.cond_inputs[cond_input]
        for entry, weight in zip(entries, model.read(entries, str), strict=True):
            erased[entry.name][:, slice(*entry.columns or (None,))] += erasure.change_of(weight)
        for name, change in part.bias_changes(entries, model.shapes, weights.__getitem__).items():
            erased[name] += change.to(erased[name])
    return erased


def load(network: nn.Module, lora: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """The weights with `lora`, loaded as by the host's Load LoRA, and the keys that it says it did not load."""
    import comfy.model_patcher
    import comfy.sd

    told: list[str] = []
    listener = logging.Handler()
    listener.emit = lambda record: told.append(record.getMessage())
    logging.getLogger().addHandler(listener)
    try:
        patcher = comfy.model_patcher.ModelPatcher(network, torch.device("cpu"), torch.device("cpu"))
        loaded, _ = comfy.sd.load_lora_for_models(patcher, None, lora, 1.0, 0.0)
    finally:
        logging.getLogger().removeHandler(listener)
    loaded.patch_model(device_to=torch.device("cpu"))
    after = {f"{PREFIX}{name}": weight.clone() for name, weight in network.diffusion_model.state_dict().items()}
    loaded.unpatch_model(device_to=torch.device("cpu"))
    return after, [text for text in told if NOT_LOADED in text or "NOT LOADED" in text]


if __name__ == "__main__":
    main(*sys.argv[1:])
