"""The diffusion model inside a pipeline of diffusers, under the host's names, and its weights changed in place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..erasing.changes import list_weight_changes, pick_columns
from ..erasing.erasure import Erasure
from ..models.text_entries import TextEntry, find_family
from ..models.text_model import TextModel
from ..models.weights import Weight
from ..progress import OnStep
from ..sharing.diffusers_names import name_as_host
from ..storage.tensor_file import FLOATS

FAMILIES = ("SD 1.x", "SD 2.x", "SDXL", "SD3", "Flux.1")
FUSED = ".attn2.to_kv."  # keys and values in one, which then read the text instead of the two


@dataclass(frozen=True)
class PipelineModel:
    """The diffusion model of a pipeline: as an erasure needs to know it, and its weights by the host's names."""

    model: TextModel
    weights: Mapping[str, Tensor]

    def change(self, erasure: Erasure) -> None:
        """Change the weights in place: all of them, or where anything fails, none.

        Raises ValueError where a weight's type cannot hold what it becomes.
        """
        changes = list_weight_changes(self.model, erasure, lambda name: _widen(self.weights[name]))
        changed = {name: self._round(name, change()) for name, change in changes.items()}
        swapped: list[str] = []
        with torch.no_grad():
            try:
                for name in changed:
                    new, changed[name] = changed[name], self.weights[name].clone()
                    swapped.append(name)
                    self.weights[name].copy_(new)
            except BaseException:  # also Ctrl-C
                for name in swapped:
                    self.weights[name].copy_(changed[name])
                raise

    def _round(self, name: str, changed: Tensor) -> Tensor:
        stored = self.weights[name]
        rounded = changed.to(stored)
        if not torch.isfinite(rounded.float()).all():
            raise ValueError(
                f"the erased {name} holds numbers that {stored.dtype}, the type of the pipeline, cannot hold. Raise "
                "the ridges and erase again, or load the pipeline in a wider type."
            )
        return rounded


def open_pipeline(pipe: Any) -> PipelineModel:
    """The diffusion model of `pipe`. Raises ValueError where it is of no known family, or can't be changed in place."""
    kind, module = type(pipe).__name__, _find_module(pipe)
    weights = dict(module.named_parameters())
    names = name_as_host(weights)
    if not names:
        raise ValueError(
            f"the {type(module).__name__} of this {kind} is not known here; expected one of {', '.join(FAMILIES)}. "
            "Erase in ComfyUI, which knows more, save a LoRA in diffusers' format there, and load that."
        )
    own = {names[name]: weight for name, weight in weights.items()}
    shapes = {name: tuple(weight.shape) for name, weight in own.items()}
    _check_names(weights)
    family = find_family(shapes)
    if family.name not in FAMILIES:
        raise ValueError(
            f"this {kind} is of the family '{family.name}', whose texts are not encoded here; expected one of "
            f"{', '.join(FAMILIES)}. Erase in ComfyUI instead."
        )
    for entry in family.entries:
        _check_weight(entry.name, own[entry.name])

    def read(entries: Sequence[TextEntry], on_step: OnStep) -> Iterator[Weight]:
        for entry in entries:
            on_step(f"read {entry.name.removeprefix('diffusion_model.')}")
            matrix = pick_columns(_widen(own[entry.name]), entry)
            yield Weight(entry.name, entry.role, matrix, entry.cond_input)

    return PipelineModel(TextModel(family, shapes, read), own)


def _find_module(pipe: Any) -> torch.nn.Module:
    module = getattr(pipe, "unet", None) or getattr(pipe, "transformer", None)
    module = getattr(module, "_orig_mod", module)  # of one that was compiled
    if not isinstance(module, torch.nn.Module):
        raise ValueError(
            f"{type(pipe).__name__} has neither a U-Net nor a transformer; expected a whole pipeline of diffusers for "
            f"one of {', '.join(FAMILIES)}."
        )
    return module


def _check_names(names: Mapping[str, Tensor]) -> None:
    """ValueError where other weights than those that are changed would read the text."""
    for mark, what, fix in (
        (".base_layer.", "a LoRA is attached", "pipe.fuse_lora() and pipe.unload_lora_weights()"),
        (FUSED, "keys and values are fused", "pipe.unfuse_qkv_projections()"),
    ):
        found = next((name for name in names if mark in name), None)
        if found:
            raise ValueError(f"{what} ({found}), so that changing the weights would not reach it. Call {fix} first.")


def _check_weight(name: str, weight: Tensor) -> None:
    if weight.device.type == "meta":
        raise ValueError(
            f"{name} is not in memory, as with enable_sequential_cpu_offload(). Erase first, and offload afterwards."
        )
    if weight.dtype not in FLOATS.values() or type(weight.detach()) is not Tensor:
        raise ValueError(
            f"{name} is stored as {weight.dtype} in a {type(weight.detach()).__name__}; expected plain fp32, fp16, "
            "bf16 or fp8. Erase before you quantise."
        )


def _widen(weight: Tensor) -> Tensor:
    """In float32, or float64 where it is: a tensor of its own or the weight itself, without its gradient."""
    own = weight.detach()
    return own if own.dtype == torch.float64 else own.float()
