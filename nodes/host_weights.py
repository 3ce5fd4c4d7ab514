"""The host's weights as users have them: float, fp8, scaled, quantised, on whatever device, patched or not yet."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import comfy.float
import comfy.lora
import comfy.model_management
import comfy.model_patcher
import comfy.utils
import torch
from torch import Tensor

from ..rece_core.progress import OnStep
from ..rece_core.reporting.description import Rounding
from ..rece_core.storage.disk_space import describe_size
from .host_foreign import recognise
from .host_gguf import describe_packed, find_computing_type, is_packed, unpack

DIFFUSION_MODEL = "diffusion_model."  # where the host keeps the diffusion model's weights


def list_shapes(model: Any, prefix: str = "") -> dict[str, tuple[int, ...]]:
    """Names and shapes of the weights below `prefix`, those of quantised ones as they compute, not as they lie."""
    names = [name for name in model.model_state_dict() if name.startswith(prefix)]
    return {name: tuple(_find(model, name).shape) for name in names if _has(model, name)}


def read_weight(model: Any, name: str, device: torch.device | None = None) -> Tensor:
    """One weight as it stands in the chain, patches attached so far included: float32, on `device`.

    By default that is the device that the host computes on.

    Where the host has put patches into the weights already, it starts from the originals it keeps. The model is left as
    it is. Raises ValueError for a storage type that only other custom nodes can read.
    """
    return comfy.lora.calculate_weight(model.patches.get(name, []), _read_stored(model, name, device), name)


def read_beneath(model: Any, name: str, is_mark: Callable[[Any], bool], device: torch.device) -> Tensor:
    """One weight as it was before the first patch that `is_mark` says yes to, see `list_marks`; as in `read_weight`.

    Of a merged model that is the weight of the one that the patch was attached to. Without such a patch it is the
    weight as it is stored.
    """
    found = _find_beneath(model.patches.get(name, []), lambda: _read_stored(model, name, device), is_mark, name, device)
    return _read_stored(model, name, device) if found is None else found


def list_marks(model: Any, name: str) -> Iterator[Any]:
    """What patches of a weight say of themselves in their `erasure`, in order, those of merged models too."""
    for value in _list_values(model.patches.get(name, [])):
        if hasattr(value, "erasure"):
            yield value.erasure


def require_readable(model: Any, names: Iterable[str]) -> None:
    """ValueError where one of the weights `names` is stored in a way that only other custom nodes can read."""
    for name in names:
        _, _, convert = comfy.model_patcher.get_key_weight(model.model, name)
        _check_readable(model, name, _find_original(model, name), convert)
        _check_merged(model, name)


def copy_weights(model: Any, prefix: str = "") -> dict[str, Tensor]:
    """The weights of `model` below `prefix` with all patches, float32 on the device the host computes on.

    Raises ValueError where they do not fit there.
    """
    shapes = list_shapes(model, prefix)
    needed = 4 * sum(map(math.prod, shapes.values()))
    free = comfy.model_management.get_free_memory(model.load_device)
    if needed > free:
        raise ValueError(
            f"attacks by gradient need a copy of the model in float32, {describe_size(needed)}, but "
            f"{describe_size(free)} are free on {model.load_device}. Close what else takes memory there, or use "
            "RECE Red Team, whose attacks need no gradients."
        )
    return {name.removeprefix(prefix): read_weight(model, name) for name in shapes}


def measure_rounding(
    model: Any,
    edited: Any,
    names: Iterable[str],
    on_step: OnStep = lambda step: None,
    *,
    device: torch.device | None = None,
) -> Rounding:
    """What the storage type of the weights `names` adds to the edit that makes `edited` of `model`.

    Computed on `device`, by default the one the host computes on. `on_step` is called before each: the host's rounding
    to fp8 can take longer than the erasure.

    It is what the host itself rounds to when it puts patches into weights or saves them; where it computes with patches
    on the fly, as with little memory, nothing is added. To weights of GGUF files patches are added at each step, in the
    type that the model computes in: what of the edit is not there then is what rounding adds to it.
    """
    types: dict[str, None] = {}
    computed_in: torch.dtype | None = None
    added = change = 0.0
    for name in names:
        on_step(f"round {name.removeprefix(DIFFUSION_MODEL)}")
        before, after = (read_weight(each, name, device) for each in (model, edited))
        stored = _find_original(model, name)
        types[describe_type(stored)] = None
        if is_packed(stored):
            computed_in = find_computing_type(model)
            kept, meant = (_compute(each, name, before.device, computed_in) for each in (edited, model))
            error = (kept - meant) - (after - before)
        else:
            error = _store(edited, name, after) - after
        added += float(error.square().sum())
        change += float((after - before).square().sum())
    told = describe_dtype(computed_in) if computed_in else None
    return Rounding(tuple(types), (added / change) ** 0.5 if change else 0.0, told)


def describe_type(stored: Tensor) -> str:
    """The storage type in words: `float16`, or what the host calls the layout of a quantised tensor, or `GGUF Q4_K`."""
    if is_packed(stored):
        return describe_packed(stored)
    layout = getattr(stored, "_layout_cls", None) or getattr(stored, "_layout_type", None)
    if layout is None:
        return describe_dtype(stored.dtype)
    return str(getattr(layout, "__name__", layout)).removesuffix("Layout")


def describe_dtype(dtype: torch.dtype) -> str:
    """The type of numbers in words: `float16`."""
    return str(dtype).removeprefix("torch.")


def _compute(model: Any, name: str, device: torch.device, dtype: torch.dtype) -> Tensor:
    """A weight of a GGUF file as its layer computes with it in `dtype`, patches included, float32."""
    return unpack(model, name, _find(model, name), device, dtype, model.patches.get(name, ())).float()


def _store(model: Any, name: str, weight: Tensor) -> Tensor:
    """`weight` as the host would store it and read it again, float32; `weight` is left as it is."""
    _, set_weight, convert = comfy.model_patcher.get_key_weight(model.model, name)
    seed = _seed(name)
    if set_weight is None:
        return comfy.float.stochastic_rounding(weight.clone(), _find_original(model, name).dtype, seed=seed).float()
    stored = set_weight(weight.clone(), inplace_update=False, seed=seed, return_weight=True)
    return _widen(stored, weight.device, convert)


def _widen(stored: Tensor, device: torch.device, convert: Any) -> Tensor:
    """What `stored` stands for, a new float32 tensor on `device`; `convert` is its layer's, None where it has none."""
    if hasattr(stored, "_layout_params"):  # ComfyUI 0.3.75 can't cast what is quantised before it is converted
        return stored.dequantize().to(device, torch.float32, copy=True)
    weight = comfy.model_management.cast_to_device(stored, device, torch.float32, copy=True).as_subclass(Tensor)
    return (convert(weight, inplace=True) if convert is not None else weight).float()


def _seed(name: str) -> int:
    """The seed that the host rounds the weight `name` with."""
    at_home = comfy.utils if hasattr(comfy.utils, "string_to_seed") else comfy.model_patcher
    return at_home.string_to_seed(name)


def _read_stored(model: Any, name: str, device: torch.device | None) -> Tensor:
    """The weight without patches, as in `read_weight`."""
    _, _, convert = comfy.model_patcher.get_key_weight(model.model, name)
    stored = _find_original(model, name)
    _check_readable(model, name, stored, convert)
    device = device or model.load_device
    return unpack(model, name, stored, device) if is_packed(stored) else _widen(stored, device, convert)


def _list_values(patches: Sequence[Any]) -> Iterator[Any]:
    """What is patched in; a merged model's weight is a list, its own patches behind it."""
    for _, value, *_ in patches:
        if isinstance(value, list):
            yield from _list_values(value[1:])
        else:
            yield value


def _find_beneath(
    patches: Sequence[Any],
    read: Callable[[], Tensor],
    is_mark: Callable[[Any], bool],
    name: str,
    device: torch.device,
) -> Tensor | None:
    for index, (_, value, *_) in enumerate(patches):
        if isinstance(value, list):
            (stored, convert), *merged = value
            found = _find_beneath(merged, partial(_widen, stored, device, convert), is_mark, name, device)
            if found is not None:
                return found
        elif hasattr(value, "erasure") and is_mark(value.erasure):
            return comfy.lora.calculate_weight(patches[:index], read(), name)
    return None


def _find(model: Any, name: str) -> Tensor:
    return comfy.utils.get_attr(model.model, name)


def _has(model: Any, name: str) -> bool:
    """Whether the listed `name` is a weight of its own, and not a part of how another one is stored."""
    try:
        return isinstance(_find(model, name), Tensor)
    except AttributeError:
        return False


def _find_original(model: Any, name: str) -> Tensor:
    """The weight without patches: what the host has put aside, where it has put patches into the weight itself."""
    if name in model.hook_backup:
        return model.hook_backup[name][0]
    if name in model.backup:
        return model.backup[name].weight
    return _find(model, name)


def _check_readable(model: Any, name: str, stored: Tensor, convert: Any) -> None:
    layer = comfy.utils.get_attr(model.model, name.rpartition(".")[0])
    if is_packed(stored) and hasattr(layer, "get_weight"):
        return
    foreign = recognise(layer) if name.endswith(".weight") and not hasattr(stored, "_layout_params") else None
    if foreign:
        raise ValueError(foreign.refuse(name))
    if convert is None and name.endswith(".weight") and not stored.is_floating_point():
        raise ValueError(
            f"{name} is stored as {describe_type(stored)} ({type(stored).__name__}), which only the nodes that loaded "
            "it can read. Expected a floating type or one of ComfyUI's own quantised ones. Load the model by the stock "
            "nodes, from an unquantised or fp8 file."
        )
    if getattr(layer, "pre_quant_scale", None) is not None:
        raise ValueError(
            f"{name} reads the text rescaled channel by channel (AWQ smoothing), where an erasure does not fit. Use a "
            "file of the same model that was quantised without smoothing."
        )


def _check_merged(model: Any, name: str) -> None:
    """ValueError where a GGUF model was merged into this one, whose bytes the host takes for numbers."""
    if any(isinstance(value, list) and is_packed(value[0][0]) for _, value, *_ in model.patches.get(name, [])):
        raise ValueError(
            f"{name} is merged from two models, the second of them from a GGUF file, whose bytes ComfyUI takes for "
            "weights. Connect that model first to the merging node, or merge the unquantised ones."
        )
