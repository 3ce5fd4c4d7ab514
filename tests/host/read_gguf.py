"""Weights of GGUF files in every quantisation, in the host's own Python: what the pack reads is what the file says.

    PYTHON_OF_THE_HOST read_gguf.py FOLDER_OF_THE_HOST PACK FILE

Writes the emoji transformer in each quantisation, loads it by the node of PACK, a folder with ComfyUI-GGUF or the
reader of these tests, and writes to FILE as JSON how far the text entries as read are from what the file says and from
what the layers compute with: fresh, with a LoRA, loaded, without it; and what rounding adds to an edit.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "diffusion_model."
Factors = Mapping[str, tuple[Tensor, Tensor]]


def main(host: str, pack: str, file: str) -> None:
    sys.path[:0] = [host]
    sys.path.append(str(ROOT))  # behind the host, whose `nodes` and ours have the same name
    import comfy.cli_args

    comfy.cli_args.args.cpu = True  # before anything else of the host asks for a device

    import folder_paths
    from gguf_files import QUANTISATIONS, read_transformer, write_gguf  # beside this script

    from emoji.compact import WEIGHTS
    from emoji.family import register

    logging.disable(logging.ERROR)
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    register()
    load = import_loader(Path(pack))
    weights = read_transformer(WEIGHTS / "flux.safetensors")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        folder_paths.add_model_folder_path("diffusion_models", folder)
        for name in QUANTISATIONS:
            meant = write_gguf(Path(folder) / f"{name}.gguf", weights, name)
            found[name] = read_all(load(f"{name}.gguf"), {key: torch.from_numpy(each) for key, each in meant.items()})
        refused = refuse_all(load("Q8_0.gguf"))
    Path(file).write_text(json.dumps({"types": found, "refused": refused}, indent=1), "utf-8")


def import_loader(pack: Path) -> Callable[[str], Any]:
    """What a node pack's GGUF loader makes of a file's name."""
    spec = importlib.util.spec_from_file_location(
        "gguf_pack", pack / "__init__.py", submodule_search_locations=[str(pack)]
    )
    assert spec and spec.loader
    module = sys.modules["gguf_pack"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    loader = module.NODE_CLASS_MAPPINGS["UnetLoaderGGUF"]
    return lambda name: loader().load_unet(name)[0]


def read_all(model: Any, meant: Mapping[str, Tensor]) -> dict[str, Any]:
    """How far what is read is from what is meant and computed with, and what rounding adds to an edit in bfloat16."""
    import comfy.model_management

    from rece_core.models.text_entries import find_family

    host_weights = import_host("host_weights")
    shapes = host_weights.list_shapes(model, PREFIX)
    family = find_family(shapes)
    names = [entry.name for entry in family.entries]
    factors = make_factors(names, shapes)
    edited = add_lora(model, factors)

    def distance(patcher: Any, expected: Mapping[str, Tensor]) -> float:
        return max(relative(host_weights.read_weight(patcher, name), expected[name]) for name in names)

    truth = {name: meant[name.removeprefix(PREFIX)] for name in names}
    found = {"file": distance(model, truth)}
    plain, changed = compute(model, names, torch.float32), compute(edited, names, torch.float32)
    found |= {"fresh": distance(model, plain), "with a LoRA": distance(edited, changed)}
    comfy.model_management.load_models_gpu([edited])
    found |= {"loaded": distance(edited, changed), "without the LoRA": distance(model, plain)}
    edited.detach()
    found["again"] = distance(model, plain)
    model.model.manual_cast_dtype = torch.bfloat16
    rounding = host_weights.measure_rounding(model, edited, names)
    return {
        "family": family.name,
        "changed": max(relative(changed[name], plain[name]) for name in names),
        "distances": found,
        "shapes_right": all(shapes[PREFIX + name] == tuple(weight.shape) for name, weight in meant.items()),
        "rounding": rounding.added,
        "actual_rounding": measure_computed(model, edited, names),
        "said": rounding.describe(),
    }


def compute(patcher: Any, names: list[str], dtype: torch.dtype) -> dict[str, Tensor]:
    """The weights that the layers of the loaded model compute with."""
    import comfy.model_management

    comfy.model_management.load_models_gpu([patcher])
    computed = {}
    for name in names:
        layer = patcher.model.get_submodule(name.rpartition(".")[0])
        computed[name] = layer.get_weight(layer.weight, dtype).as_subclass(Tensor).float().clone()
    patcher.detach()
    return computed


def measure_computed(model: Any, edited: Any, names: list[str]) -> float:
    """What of an edit is not there where the layers compute in bfloat16, relative to the edit."""
    wide, narrow = (
        [compute(patcher, names, dtype) for patcher in (model, edited)] for dtype in (torch.float32, torch.bfloat16)
    )
    changes = [{name: each[1][name] - each[0][name] for name in names} for each in (wide, narrow)]
    error = sum(float((changes[1][name] - changes[0][name]).square().sum()) for name in names)
    return (error / sum(float(change.square().sum()) for change in changes[0].values())) ** 0.5


def refuse_all(model: Any) -> dict[str, Any]:
    """What is said of a GGUF model merged into another, saved as a checkpoint, or read by a layer that is not known."""
    host_weights, host_gguf = import_host("host_weights"), import_host("host_gguf")
    name = next(name for name in host_weights.list_shapes(model, PREFIX) if name.endswith("txt_in.weight"))
    said = {"saved": say(host_gguf.require_savable, model)}
    merged = model.clone()
    merged.add_patches({name: model.get_key_patches(name)[name]}, 0.5, 0.5)
    said["merged"] = say(host_weights.require_readable, merged, [name])
    said["merged first"] = merge_first(model, name)
    layer = model.model.get_submodule(name.rpartition(".")[0])
    plain = torch.nn.Linear(1, 1)
    plain.weight = layer.weight
    model.model.set_submodule(name.rpartition(".")[0], plain)
    said["unknown layer"] = say(host_weights.read_weight, model, name)
    return said


def merge_first(model: Any, name: str) -> dict[str, float]:
    """How far what is read of a GGUF model, merged half and half with floats, is from the half and from its layer's."""
    read = import_host("host_weights").read_weight
    own = read(model, name)
    other = torch.randn(own.shape, generator=torch.Generator().manual_seed(1))
    merged = model.clone()
    merged.add_patches({name: [(other, lambda weight, **_: weight)]}, 0.5, 0.5)
    found = read(merged, name)
    computed = compute(merged, [name], torch.float32)[name]
    return {"half": relative(found, (own + other) / 2), "layer": relative(found, computed)}


def make_factors(names: list[str], shapes: Mapping[str, tuple[int, ...]]) -> Factors:
    generator = torch.Generator().manual_seed(0)
    return {
        name: (
            torch.randn(shapes[name][0], 2, generator=generator) / 50,
            torch.randn(2, shapes[name][1], generator=generator) / 2,
        )
        for name in names
    }


def add_lora(model: Any, factors: Factors) -> Any:
    from comfy.weight_adapter import LoRAAdapter

    clone = model.clone()
    patches = {name: LoRAAdapter(set(), (up, down, None, None, None, None)) for name, (up, down) in factors.items()}
    assert len(clone.add_patches(patches)) == len(patches)
    return clone


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


def say(call: Callable[..., Any], *arguments: Any) -> str:
    """The message of the error that the call ends with."""
    try:
        call(*arguments)
    except ValueError as error:
        return str(error)
    return "nothing"


def import_host(module: str) -> Any:
    from harness.pack import import_pack

    return import_pack(f"nodes.{module}")


if __name__ == "__main__":
    main(*sys.argv[1:])
