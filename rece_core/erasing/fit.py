"""Whether an erasure fits a model, and how exactly it holds there.

A model must be of its family, read its conditioning inputs in their widths, and have its layers where it goes by layer.
The first edit depends on the text encoder alone: on another checkpoint it is the very edit that would be solved there.
All that looks at weights is as good there as the two checkpoints are alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..models.fingerprint import Fingerprint, same_fingerprint
from ..models.text_entries import TextEntry
from ..models.text_model import TextModel
from .erasure import Erasure, Part

FIRST = "the first edit"


def check_fit(erasure: Erasure, model: TextModel) -> None:
    """ValueError, saying what differs, unless every part of `erasure` fits `model`."""
    erasure.check_family(model.family.name)
    cond_inputs = model.cond_inputs
    for cond_input, part in erasure.parts.items():
        if cond_input not in cond_inputs:
            raise ValueError(
                f"the erasure is for the conditioning input '{cond_input}' too, which this model of the family "
                f"'{model.family.name}' "
                f"does not read (it reads {', '.join(cond_inputs)}). Use a model of the family it was made for."
            )
        width = cond_inputs[cond_input][0].shape[1]
        if part.operator.width != width:
            raise ValueError(
                f"the erasure is for text embeddings of width {part.operator.width}, this model of the family "
                f"'{model.family.name}' reads width {width} (conditioning input '{cond_input}'). Use a model of the "
                f"family it was made "
                "for."
            )
        _check_layers(part, cond_inputs[cond_input])


def describe_fit(erasure: Erasure, model: TextModel, bases: Mapping[str, Fingerprint]) -> str:
    """What of `erasure` is exact on `model` and what approximate, a line a conditioning input.

    bases: the fingerprint of the model's Gram matrix for each conditioning input that was erased.
    """
    lines = []
    for cond_input, part in erasure.parts.items():
        if same_fingerprint(part.base, bases[cond_input]):
            line = "made on these weights: all of it is exact, up to the rounding of the model's type"
        else:
            bound = _list_weight_bound(part, cond_input in model.family.preprocessors)
            exact = "" if FIRST in bound else "its first edit is exact; "
            line = (
                f"made on other weights of the same text encoder: {exact}approximate, as they looked at those weights: "
                f"{', '.join(bound)}"
            )
        lines.append(f"conditioning input '{cond_input}': {line}.")
    return "\n".join(lines)


def _list_weight_bound(part: Part, has_preprocessor: bool) -> list[str]:
    """What of a part was computed from weights of its model, which a preprocessor has too."""
    edit = part.settings.edit
    free = edit.mode in ("paper", "prior") or (edit.mode == "strict" and edit.free_share is not None)
    bound = {
        FIRST: not free or has_preprocessor,
        "epochs": part.settings.epochs > 0,
        "value erasers": bool(part.value_erasers),
        "the measures in its report": True,
    }
    return [name for name, is_bound in bound.items() if is_bound]


def _check_layers(part: Part, entries: Sequence[TextEntry]) -> None:
    turned = {name: len(turn) for name, turn in part.orthogonal_maps.items()}
    erased = {name: len(eraser.project_left) for name, eraser in part.value_erasers.items()}
    rows = {entry.name: entry.shape[0] for entry in entries}
    values = {entry.name: entry.shape[0] for entry in entries if entry.role != "key"}
    for made, found in ((turned, rows), (erased, values)):
        if made and made != found:
            name = min(name for name in made.keys() | found.keys() if made.get(name) != found.get(name))
            raise ValueError(
                f"the erasure was made layer by layer, for other layers than this model's: {name} has "
                f"{made.get(name, 'no')} rows there and {found.get(name, 'no')} here. "
                "Use a model of the family it was made for."
            )
