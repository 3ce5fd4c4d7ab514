"""The one file that touches the host's models: encode texts, read weights as they stand, attach patches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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

from ..rece_core.alignment import EncodedText
from ..rece_core.fingerprint import Fingerprint, fingerprint
from ..rece_core.gram import Weight
from ..rece_core.measures import measure_share_changed
from ..rece_core.operator import Operator
from ..rece_core.text_entries import TextEntry, find_text_entries

MAX_WORDS = 75  # what CLIP reads in one piece: 77 tokens less start and end
FINGERPRINT_TEXT = "a photo of a cat"
ATTACHED_TOLERANCE = 1e-6  # of the attached low-rank form: below the rounding of the weights it is added to
UNET = "diffusion_model."

OnStep = Callable[[str], None]


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


@dataclass(frozen=True)
class Prompt:
    """An encoded text with what the host passes along beside it: the pooled embedding, where there is one."""

    encoded: EncodedText
    pooled: Tensor | None


def encode_prompt(clip: Any, text: str) -> Prompt:
    """Encode `text` as the host's CLIPTextEncode does, its words taken literally, without weights.

    Raises ValueError for a text over 75 tokens, which the host would split into chunks that no longer line up.
    """
    literal = re.sub(r"(?<!\\)([()])", r"\\\1", text)  # else '(word:1.2)' would be read as a weight
    chunks = next(iter(clip.tokenize(literal, return_word_ids=True).values()))
    words = [index for index, (_, _, word) in enumerate(chunks[0]) if word > 0]
    if len(chunks) > 1:
        count = sum(word > 0 for chunk in chunks for _, _, word in chunk)
        raise ValueError(
            f"{text[:60]!r}… is {count} tokens long; expected at most {MAX_WORDS}, what the text encoder reads in one "
            "piece. Shorten it to the words that name the concept."
        )
    tokens, pooled = clip.encode_from_tokens(clip.tokenize(literal), return_pooled=True)
    return Prompt(EncodedText(text, tokens[0].float().cpu(), words[-1] if words else 0), pooled)


def encode_texts(clip: Any, texts: Sequence[str], on_step: OnStep = lambda step: None) -> tuple[EncodedText, ...]:
    """Encode each of `texts`, see `encode_prompt`; `on_step` is called before each."""
    encoded = []
    for text in texts:
        on_step(f"encode '{text}'")
        encoded.append(encode_prompt(clip, text).encoded)
    return tuple(encoded)


def fingerprint_encoder(clip: Any) -> Fingerprint:
    """The fingerprint of a text encoder as it stands, its LoRAs and clip skip included."""
    return fingerprint(encode_prompt(clip, FINGERPRINT_TEXT).encoded.tokens)


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
    device = model.load_device
    patches = model.get_key_patches(UNET)
    for entry in list_text_entries(model):
        on_step(f"read {entry.name.removeprefix(UNET)}")
        (stored, convert), *attached = patches[entry.name]
        weight = comfy.model_management.cast_to_device(stored, device, torch.float32, copy=True)
        weight = convert(weight, inplace=True)
        yield Weight(entry.name, entry.role, comfy.lora.calculate_weight(attached, weight, entry.name))


def attach_operator(model: Any, operator: Operator, on_step: OnStep = lambda step: None) -> Any:
    """A clone of `model` whose text entries act as W M, by patches that the host itself knows.

    A LoRA of the smallest rank that holds the operator to 1e-6, or a plain difference where that rank would pass half
    the width and cost more. Raises ValueError, with nothing attached, when the operator does not fit the model.
    """
    entries = list_text_entries(model)
    if operator.width != entries[0].shape[1]:
        raise ValueError(
            f"the erasure is for text embeddings of width {operator.width}, this model reads width "
            f"{entries[0].shape[1]}. Apply it to a model of the family it was made for."
        )
    clone = model.clone()
    small = operator.compressed(ATTACHED_TOLERANCE)
    if small.rank == 0:
        return clone
    patches = {weight.name: _patch(weight.matrix, small) for weight in read_weights(model, on_step)}
    skipped = set(patches) - set(clone.add_patches(patches))
    if skipped:  # the host would only leave them out
        raise ValueError(f"the host did not take the patches of {', '.join(sorted(skipped))}. Report this as a bug.")
    return clone


def _patch(weight: Tensor, operator: Operator) -> Any:
    if 2 * operator.rank > operator.width:
        return ("diff", (operator.change_of(weight).cpu(),))
    up, down = operator.factors_for(weight)
    return LoRAAdapter(set(), (up.cpu(), down.cpu(), None, None, None, None))


def _shapes(model: Any) -> dict[str, Tensor]:
    return {name: weight for name, weight in model.model_state_dict().items() if name.startswith(UNET)}
