"""Weights of one small model in every storage type, in the host's own Python: what the pack reads is what was saved.

    PYTHON_OF_THE_HOST read_weights.py FOLDER_OF_THE_HOST FILE

Saves a U-Net in each type as users have them, loads it by what the host's loader node calls, and writes to FILE as JSON
how far the text entries as read are from those saved: fresh, with a LoRA in the chain, patched in place, partly loaded.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from cases import CASES
from run_model import PREFIX, ROOT, build, relative
from torch import Tensor

Saved = tuple[dict[str, Tensor], dict[str, Tensor], dict[str, str] | None]  # file, what it stands for, metadata
FLOATS = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float8_e4m3fn": torch.float8_e4m3fn,
    "float8_e5m2": torch.float8_e5m2,
}


def main(host: str, file: str) -> None:
    sys.path[:0] = [host]
    sys.path.append(str(ROOT))  # behind the host, whose `nodes` and ours have the same name
    import comfy.cli_args

    comfy.cli_args.args.cpu = True  # before anything else of the host asks for a device

    import comfyui_version

    logging.disable(logging.ERROR)
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    weights = {name: weight.clone() for name, weight in build(CASES["SD 1.x"]).diffusion_model.state_dict().items()}
    found = {name: read_all(name, *save(weights)) for name, save in make_savers().items()}
    found["refused"] = refuse_all(weights)
    found["room"] = find_room(weights)
    Path(file).write_text(json.dumps({"host": comfyui_version.__version__, "types": found}, indent=1), "utf-8")


def make_savers() -> dict[str, Callable[[Mapping[str, Tensor]], Saved]]:
    """How a model is saved in each type; the quantised ones with their scales as the host expects them."""

    def save_as(dtype: torch.dtype) -> Callable[[Mapping[str, Tensor]], Saved]:
        def save(weights: Mapping[str, Tensor]) -> Saved:
            stored = {name: weight.to(dtype) for name, weight in weights.items()}
            return stored, {name: weight.float() for name, weight in stored.items()}, None

        return save

    return {
        **{name: save_as(dtype) for name, dtype in FLOATS.items()},
        "scaled float8": save_scaled,
        "quantised float8": save_quantised,
        **{f"quantised {name}": partial(save_packed, name, layout) for name, layout in find_layouts().items()},
    }


def find_layouts() -> dict[str, str]:
    """The host's layouts that are no plain fp8, by the names they have in files; none in the oldest host."""
    import comfy.quant_ops

    names = ("int8_tensorwise", "mxfp8", "nvfp4")
    return {name: each["comfy_tensor_layout"] for name, each in comfy.quant_ops.QUANT_ALGOS.items() if name in names}


def save_scaled(weights: Mapping[str, Tensor]) -> Saved:
    """fp8 with a `scale_weight` beside each linear layer's weight, as in the files called fp8_scaled."""
    stored, meant = scale(weights, "scale_weight")
    return {**stored, "scaled_fp8": torch.empty(2, dtype=torch.float8_e4m3fn)}, meant, None


def save_quantised(weights: Mapping[str, Tensor]) -> Saved:
    """fp8 by the metadata of mixed precision: some layers quantised, others not."""
    stored, meant = scale(weights, "weight_scale", only=".attn2.")
    layers = {name.removesuffix(".weight_scale"): {"format": "float8_e4m3fn"} for name in stored if "_scale" in name}
    metadata = {"_quantization_metadata": json.dumps({"format_version": "1.0", "layers": layers})}
    return stored, meant, metadata


def save_packed(name: str, layout: str, weights: Mapping[str, Tensor]) -> Saved:
    """Value projections as the host's own quantisation makes them; the rest, which it knows a model by, in float16."""
    from comfy.quant_ops import QuantizedTensor

    stored, meant = {}, {}
    for key, weight in weights.items():
        meant[key] = weight.half().float()
        stored[key] = weight.half()
        if key.endswith(".attn2.to_v.weight"):
            settings = {"scale": "recalculate"} if name == "nvfp4" else {}
            packed = QuantizedTensor.from_float(weight.clone(), layout, **settings)
            meant[key] = packed.dequantize().float()
            del stored[key]
            stored |= {part: each.contiguous() for part, each in packed.state_dict(key).items()}
            note = json.dumps({"format": name}).encode()
            stored[key.removesuffix("weight") + "comfy_quant"] = torch.tensor(list(note), dtype=torch.uint8)
    return stored, meant, None


def scale(weights: Mapping[str, Tensor], beside: str, only: str = "") -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    stored, meant = {}, {}
    for name, weight in weights.items():
        stored[name] = weight.half()
        meant[name] = stored[name].float()
        if name.endswith(".weight") and weight.ndim == 2 and only in name and "embed" not in name:
            size = weight.abs().max() / torch.finfo(torch.float8_e4m3fn).max
            stored[name] = (weight / size).to(torch.float8_e4m3fn)
            stored[name.removesuffix("weight") + beside] = size
            meant[name] = stored[name].float() * size
    return stored, meant


def read_all(kind: str, stored: dict[str, Tensor], meant: Mapping[str, Tensor], metadata: Any) -> dict[str, Any]:
    """How far what is read is from what is meant, in each state of the model, and what rounding adds to an edit."""
    import comfy.model_management

    from rece_core.models.text_entries import find_family

    host_weights = import_host_weights()
    model = load(kind, stored, metadata)
    shapes = host_weights.list_shapes(model, PREFIX)
    names = [entry.name for entry in find_family(shapes).entries]
    truth = {name: meant[name.removeprefix(PREFIX)] for name in names}
    generator = torch.Generator().manual_seed(0)
    factors = {
        name: (
            torch.randn(shapes[name][0], 2, generator=generator) / 50,
            torch.randn(2, shapes[name][1], generator=generator) / 2,
        )
        for name in names
    }
    with_lora = {name: truth[name] + up @ down for name, (up, down) in factors.items()}

    def distance(patcher: Any, expected: Mapping[str, Tensor]) -> float:
        return max(relative(host_weights.read_weight(patcher, name), expected[name]) for name in names)

    edited = add_lora(model, factors)
    found = {"fresh": distance(model, truth), "with a LoRA": distance(edited, with_lora)}
    rounding = host_weights.measure_rounding(model, edited, names)
    comfy.model_management.load_models_gpu([edited])
    assert edited.backup, "the host has not put the patches into the weights, so nothing would be tested"
    found |= {"patched in place": distance(edited, with_lora), "without the LoRA": distance(model, truth)}
    actual = measure_stored(edited, with_lora, factors)
    edited.detach()
    partly = add_lora(model, factors)
    partly.load(torch.device("cpu"), lowvram_model_memory=1)
    found["partly loaded"] = distance(partly, with_lora)
    partly.detach()
    right = all(shapes[PREFIX + name] == tuple(weight.shape) for name, weight in meant.items())
    return {
        "distances": found,
        "shapes_right": right,
        "entries": len(names),
        "stored_as": list(rounding.types),
        "rounding": rounding.added,
        "actual_rounding": actual,
        "said": rounding.describe(),
    }


def load(kind: str, stored: dict[str, Tensor], metadata: Any) -> Any:
    """The model by the call of the host's own loader node, in the type that it was saved in."""
    import comfy.sd
    from safetensors.torch import save_file

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.safetensors"
        save_file(stored, file, metadata)
        options = {"dtype": FLOATS[kind]} if kind in FLOATS else {}
        return comfy.sd.load_diffusion_model(str(file), model_options=options)


def add_lora(model: Any, factors: Mapping[str, tuple[Tensor, Tensor]]) -> Any:
    from comfy.weight_adapter import LoRAAdapter

    clone = model.clone()
    patches = {name: LoRAAdapter(set(), (up, down, None, None, None, None)) for name, (up, down) in factors.items()}
    assert len(clone.add_patches(patches)) == len(patches)
    return clone


def measure_stored(edited: Any, expected: Mapping[str, Tensor], factors: Mapping[str, tuple[Tensor, Tensor]]) -> float:
    """What the weights that the host has patched in place differ from the exact ones by, relative to the edit."""
    from comfy.model_management import cast_to_device
    from comfy.model_patcher import get_key_weight

    added = change = 0.0
    for name, (up, down) in factors.items():
        weight, _, convert = get_key_weight(edited.model, name)
        wide = cast_to_device(weight, torch.device("cpu"), torch.float32, copy=True)
        wide = convert(wide, inplace=True) if convert else wide
        added += float((wide - expected[name]).square().sum())
        change += float((up @ down).square().sum())
    return (added / change) ** 0.5


def refuse_all(weights: Mapping[str, Tensor]) -> dict[str, str]:
    """What is said of weights that only other nodes can read, and of text that is rescaled first."""
    name = next(name for name in weights if name.endswith("attn2.to_k.weight"))
    model = load("float32", dict(weights), None)
    layer = model.model.diffusion_model.get_submodule(name.removesuffix(".weight"))
    read = import_host_weights().read_weight
    said = {}
    layer.pre_quant_scale = torch.ones(768)
    said["rescaled"] = say(read, model, PREFIX + name)
    del layer.pre_quant_scale
    layer.weight = torch.nn.Parameter(torch.zeros(320, 384, dtype=torch.uint8), requires_grad=False)
    said["packed"] = say(read, model, PREFIX + name)
    return said


def find_room(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """Where work of two sizes is done for a model on another device, and what is said of a copy that fits nowhere."""
    model = load("float32", dict(weights), None)
    # Of all devices but the CPU, this is the one whose memory the host can tell without having it.
    model.load_device = torch.device("mps")
    host_weights, sizes = import_host_weights(), {"small": 1, "large": 1 << 60}
    make_place = import_host("nodes.host_memory").Workplace
    places = {name: make_place(model.load_device, needed) for name, needed in sizes.items()}
    found: dict[str, Any] = {name: str(place.device) for name, place in places.items()}
    assert [bool(place.remark) for place in places.values()] == [False, True]
    found["again"] = run_out_of_memory(make_place(model.load_device, 1))
    endless = torch.empty(1 << 48, device="meta")
    model.model.diffusion_model.register_parameter("endless", torch.nn.Parameter(endless, requires_grad=False))
    return {**found, "copy": say(host_weights.copy_weights, model)}


def run_out_of_memory(place: Any) -> list[Any]:
    """Where work is done that runs out of memory once it has begun, what is done after it, and what is said."""
    devices: list[str] = []
    shown: list[Any] = []

    def work(device: torch.device) -> int:
        devices.append(str(device))
        if device.type != "cpu":
            raise torch.OutOfMemoryError("out of memory")
        return len(devices)

    progress_of = import_host("rece_core.progress").Progress
    _, progress = progress_of(lambda *told: shown.extend(told)).split(1, 3)
    return [place.run(work, progress), place.run(work, progress), *devices, *shown]


def say(call: Callable[..., Any], *arguments: Any) -> str:
    """The message of the error that the call ends with."""
    try:
        call(*arguments)
    except ValueError as error:
        return str(error)
    return "nothing"


def import_host_weights() -> Any:
    return import_host("nodes.host_weights")


def import_host(module: str) -> Any:
    from harness.pack import import_pack

    return import_pack(module)


if __name__ == "__main__":
    main(*sys.argv[1:])
