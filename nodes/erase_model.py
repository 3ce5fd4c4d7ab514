"""From the host's MODEL and CLIP to an erased MODEL: what the nodes that erase have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any

import torch

from ..rece_core.erasing.erasure import Erasure
from ..rece_core.erasing.memory import estimate_memory, require_memory
from ..rece_core.erasing.pipeline import erase_concepts, plan_erasure
from ..rece_core.erasing.schedule import Goals
from ..rece_core.erasing.settings import AUTO, EditSettings, EraseSettings
from ..rece_core.models.text_entries import TextEntry
from ..rece_core.texts.concepts import Concepts
from ..rece_core.texts.presets import PROBES
from .host import Progress, attach_erasure, describe_model, read_weights
from .host_memory import Workplace, explain_out_of_memory
from .host_texts import encode_inputs
from .host_weights import measure_rounding
from .priors import make_priors


def make_edit_settings(*, edit_ridge: float, free_share: float, **widgets: Any) -> EditSettings:
    """Settings of an edit from a node's widgets; for ridge scale `auto` see `erase_model`."""
    names = {field.name for field in fields(EditSettings)}
    chosen = {name: value for name, value in widgets.items() if name in names and value != AUTO}
    return EditSettings(ridge=edit_ridge, free_share=free_share or None, **chosen)


def pick_value_erasure(widgets: Mapping[str, Any]) -> dict[str, Any]:
    """What of a node's widgets is about value erasure, as fields of EraseSettings."""
    return {name: widgets[name] for name in ("seal", "seal_caution")}


@explain_out_of_memory("erase fewer concepts at once", "choose mode 'paper' with seal 0")
def erase_model(
    model: Any,
    clip: Any,
    concepts: Concepts,
    settings: EraseSettings,
    widgets: Mapping[str, Any],
    probes: Sequence[str] = PROBES,
    goals: Goals | None = None,
    *,
    rounds: bool = False,
) -> tuple[Any, Erasure, str]:
    """A clone of `model` that has forgotten `concepts`, the erasure itself, and lines to remark on it.

    `model` stays as it is. One line says where it was computed, where that is not as usual; one what
    rounding adds, which is measured only where `rounds` asks for it. Raises ValueError where memory runs out.

    Of the `widgets` it reads the ridge scale, where `auto` looks at the size of each conditioning input's embeddings;
    `pooled`, whether the pooled embedding is erased too; and the user's own choice of `text_weights`. With `goals`,
    edit ridge and epochs are searched for, see `rece_core.erasing.schedule`.
    """
    text_weights = widgets.get("text_weights", "")
    described = describe_model(model, text_weights)  # before the long work: an unknown model is refused at once
    plan = plan_erasure(
        described,
        partial(encode_inputs, clip),
        concepts,
        settings,
        auto_ridges=widgets["ridge_scale"] == AUTO,
        probes=probes,
        goals=goals,
        pooled=widgets.get("pooled", True),
    )
    place = Workplace(model.load_device, estimate_memory(plan))
    require_memory(plan, place.free)
    attached = described.list_entries(plan.settings)
    rounded = list_weights(attached) if rounds else []
    progress = Progress(plan.steps + len(attached) + len(rounded))

    def erase(device: torch.device) -> Erasure:
        there = replace(described, read=partial(read_weights, model, device=device))
        return replace(erase_concepts(replace(plan, model=there), progress, make_priors), text_weights=text_weights)

    def measure(device: torch.device) -> str:
        return measure_rounding(model, erased, rounded, progress, device=device).describe()

    erasure = place.run(erase, progress)
    erased = place.run(lambda device: attach_erasure(model, erasure, on_step=progress, device=device), progress)
    remarks = [place.run(measure, progress)] if rounds else []
    return erased, erasure, "".join(f"{line}.\n" for line in [*remarks, place.remark] if line).rstrip()


def list_weights(entries: Iterable[TextEntry]) -> list[str]:
    """Names of the weights of `entries`, each once, even where two conditioning inputs meet in it."""
    return list(dict.fromkeys(entry.name for entry in entries))
