"""The one file that touches the host's models: read weights as they stand, attach patches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import comfy.lora
import comfy.model_management
import comfy.utils
import torch
from comfy.weight_adapter import LoRAAdapter
from comfy_api.latest import ui
from comfy_execution.utils import get_executing_context
from server import PromptServer
from torch import Tensor

from ..rece_core.erasure import Erasure
from ..rece_core.gram import Weight
from ..rece_core.measures import measure_share_changed
from ..rece_core.text_entries import TextEntry, find_output, find_text_entries
from .host_texts import OnStep

ATTACHED_TOLERANCE = 1e-6  # of the attached low-rank form: below the rounding of the weights it is added to
UNET = "diffusion_model."


class Progress:
    """The progress bar of the node that runs, with its steps in words; each step raises if the user asked to stop."""

    def __init__(self, steps: int) -> None:
        self._bar = comfy.utils.ProgressBar(steps)

    def __call__(self, step: str) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        self._bar.update(1)
        _send_to_node(step)


def show_on_node(text: str) -> ui.PreviewText:
    """Show `text` on the face of the node that runs, now, and return it for the node's output too.

    The page keeps the last text it was sent; what a node returns it shows for its own preview node only.
    """
    _send_to_node(text)
    return ui.PreviewText(text)


def _send_to_node(text: str) -> None:
    context = get_executing_context()
    if context is not None:
        PromptServer.instance.send_progress_text(text, context.node_id)


def list_text_entries(model: Any) -> tuple[TextEntry, ...]:
    """The weights of `model` that read the text; ValueError when it has none."""
    return find_text_entries({name: tuple(weight.shape) for name, weight in _shapes(model).items()})


def measure_share(model: Any) -> float:
    """Share of the diffusion model's parameters that an erasure changes."""
    shapes = [tuple(weight.shape) for weight in _shapes(model).values()]
    return measure_share_changed(list_text_entries(model), shapes)


def read_weights(model: Any, on_step: OnStep = lambda step: None) -> Iterator[Weight]:
    """The text entries of `model` as they stand in the chain, patches attached so far included, one at a time.

    float32 on the device the host computes on; `on_step` is called before each. The model is left as it is.
    """
    patches = model.get_key_patches(UNET)
    for entry in list_text_entries(model):
        on_step(f"read {entry.name.removeprefix(UNET)}")
        yield Weight(entry.name, entry.role, read_patched(model, patches[entry.name], entry.name))


def read_patched(model: Any, patches: Any, name: str) -> Tensor:
    """One weight as its key patches leave it, float32 on the device the host computes on."""
    (stored, convert), *attached = patches
    weight = comfy.model_management.cast_to_device(stored, model.load_device, torch.float32, copy=True)
    return comfy.lora.calculate_weight(attached, convert(weight, inplace=True), name)


def check_layers(erasure: Erasure, entries: Sequence[TextEntry]) -> None:
    """ValueError unless `erasure` fits a model's text `entries`: their width, and each layer where it goes by layer."""
    if erasure.operator.width != entries[0].shape[1]:
        raise ValueError(
            f"the erasure is for text embeddings of width {erasure.operator.width}, this model reads width "
            f"{entries[0].shape[1]}. Use a model of the family it was made for."
        )
    turned = {name: len(turn) for name, turn in erasure.rotations.items()}
    sealed = {name: len(seal.write) for name, seal in erasure.seals.items()}
    rows = {entry.name: entry.shape[0] for entry in entries}
    values = {entry.name: entry.shape[0] for entry in entries if entry.role == "value"}
    for made, found in ((turned, rows), (sealed, values)):
        if made and made != found:
            name = min(name for name in made.keys() | found.keys() if made.get(name) != found.get(name))
            raise ValueError(
                f"the erasure was made layer by layer, for other layers than this model's: {name} has "
                f"{made.get(name, 'no')} rows there and {found.get(name, 'no')} here. "
                "Use a model of the family it was made for."
            )


def attach_erasure(model: Any, erasure: Erasure, strength: float = 1.0, on_step: OnStep = lambda step: None) -> Any:
    """A clone of `model` that has forgotten, by patches that the host itself knows.

    A LoRA of the smallest rank that holds the operator to 1e-6, or a plain difference where that rank would pass half
    the width and cost more; and differences of the biases behind sealed layers. `strength` scales them all. Raises
    ValueError, with nothing attached, when the erasure does not fit the model.
    """
    check_layers(erasure, list_text_entries(model))
    clone = model.clone()
    small = replace(erasure, operator=erasure.operator.compressed(ATTACHED_TOLERANCE))
    if strength == 0 or not (small.operator.rank or small.rotations or small.seals):
        return clone
    patches = {weight.name: _patch(weight, small, strength) for weight in read_weights(model, on_step)}
    patches |= _bias_patches(model, small, strength)
    skipped = set(patches) - set(clone.add_patches(patches))
    if skipped:  # the host would only leave them out
        raise ValueError(f"the host did not take the patches of {', '.join(sorted(skipped))}. Report this as a bug.")
    return clone


def _patch(weight: Weight, erasure: Erasure, strength: float) -> Any:
    factors = erasure.factors_for(weight)
    if factors is None:
        return ("diff", (strength * erasure.change_of(weight).cpu(),))
    up, down = factors
    return LoRAAdapter(set(), (strength * up.cpu(), down.cpu(), None, None, None, None))


def check_sealable(model: Any) -> None:
    """ValueError where a layer of `model` has no bias behind its attention, which a seal needs."""
    shapes = {name: tuple(weight.shape) for name, weight in _shapes(model).items()}
    for entry in list_text_entries(model):
        if entry.role == "value":
            find_output(entry, shapes)


def _bias_patches(model: Any, erasure: Erasure, strength: float) -> dict[str, Any]:
    shapes = {name: tuple(weight.shape) for name, weight in _shapes(model).items()}
    outputs = {
        find_output(entry, shapes): erasure.seals[entry.name]
        for entry in list_text_entries(model)
        if entry.name in erasure.seals
    }
    patches = model.get_key_patches(UNET) if outputs else {}
    return {
        bias: (
            "diff",
            (strength * seal.bias_change(read_patched(model, patches[name], name), erasure.settings.seal).cpu(),),
        )
        for (name, bias), seal in outputs.items()
    }


def _shapes(model: Any) -> dict[str, Tensor]:
    return {name: weight for name, weight in model.model_state_dict().items() if name.startswith(UNET)}
