"""From the host's MODEL and CLIP to an erased MODEL: what the nodes that erase have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import torch

from ..rece_core.erasing.erasure import Erasure
from ..rece_core.erasing.memory import bound_erasure
from ..rece_core.erasing.pipeline import erase_concepts, plan_erasure
from ..rece_core.erasing.presence import describe_repeated
from ..rece_core.erasing.schedule import Goals
from ..rece_core.erasing.settings import AUTO, EditSettings, EraseSettings
from ..rece_core.texts.concepts import Concepts
from ..rece_core.texts.presets import PROBES
from .host import HostModel, start_progress
from .host_memory import Workplace, explain_out_of_memory
from .host_texts import encode_inputs
from .priors import make_priors, make_words


def make_edit_settings(*, edit_ridge: float, free_share: float, **widgets: Any) -> EditSettings:
    """Settings of an edit from a node's widgets; for ridge scale `auto` see `erase_model`."""
    names = {field.name for field in fields(EditSettings)}
    chosen = {name: value for name, value in widgets.items() if name in names and value != AUTO}
    return EditSettings(ridge=edit_ridge, free_share=free_share or None, **chosen)


def pick_value_erasure(widgets: Mapping[str, Any]) -> dict[str, Any]:
    """What of a node's widgets is about value erasure, as fields of EraseSettings."""
    return {name: widgets[name] for name in ("seal", "seal_caution")}


@dataclass(frozen=True)
class Erased:
    """model: a clone that has forgotten. remarks: lines to tell with it. share: of the parameters that changed."""

    model: Any
    erasure: Erasure
    remarks: str
    share: float


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
) -> Erased:
    """What has forgotten `concepts`, from a `model` that stays as it is.

    One remark says where it was computed, where that is not as usual; one what rounding adds, which is measured only
    where `rounds` asks for it. Raises ValueError where memory runs out.

    Of the `widgets` it reads the ridge scale, where `auto` looks at the size of each conditioning input's embeddings;
    `pooled`, whether the pooled embedding is erased too; and the user's own choice of `text_weights`. With `goals`,
    edit ridge and epochs are searched for, see `rece_core.erasing.schedule`.
    """
    text_weights = widgets.get("text_weights", "")
    original = HostModel(model, text_weights)  # before the long work: an unknown model is refused at once
    choosing, erasing, attaching, rounding = start_progress().split(1, 8, 1, 1 if rounds else 0)
    plan = plan_erasure(
        original.described,
        partial(encode_inputs, clip),
        concepts,
        settings,
        auto_ridges=widgets["ridge_scale"] == AUTO,
        probes=probes,
        goals=goals,
        pooled=widgets.get("pooled", True),
        make_words=partial(make_words, choosing),
    )
    again = describe_repeated(concepts, original.list_attached())
    place = Workplace.find(model.load_device, bound_erasure(plan))

    def erase(device: torch.device) -> Erasure:
        there = replace(plan, model=original.on(device).described)
        made = erase_concepts(there, erasing, make_priors)
        parts = {
            name: replace(part, note="\n".join(filter(None, (part.note, again)))) for name, part in made.parts.items()
        }
        return replace(made, parts=parts, text_weights=text_weights)

    erasure = place.run(erase, erasing)
    erased = place.run(lambda device: original.on(device).attach(erasure, progress=attaching), attaching)
    remarks = []
    if rounds:
        names = original.list_weights(erasure)
        rounded = place.run(lambda device: original.on(device).measure_rounding(erased, names, rounding), rounding)
        remarks.append(rounded.describe())
    told = "".join(f"{line}.\n" for line in [*remarks, place.remark] if line).rstrip()
    return Erased(erased, erasure, told, original.measure_share(erasure))
