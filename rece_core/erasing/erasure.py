"""An erasure: the operator of each conditioning input with all that is needed to understand, check and reuse it.

A model that it fits must be of its family, read its inputs in their widths, and have its layers where it goes by layer.
The first edit depends on the text encoder alone: on another checkpoint it is the very edit that would be solved there.
All that looks at weights is as good there as the two checkpoints are alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..algebra.operator import Operator
from ..models.fingerprint import CLOSE, TOLERANCE, Fingerprint, estimate_difference, same_fingerprint
from ..models.text_entries import TextEntry, check_output, find_output
from ..models.text_model import TextModel
from ..models.weights import Weight
from ..texts.concepts import Concepts
from .erase import EpochRecord
from .settings import EraseSettings
from .value_eraser import ValueEraser


@dataclass(frozen=True)
class Part:
    """What an erasure does to one conditioning input: how, on what, and how well.

    A text entry W becomes (I − s δ wᵀ) P W M: M the `operator`; P its map where `orthogonal_maps` has its name, (d_out,
    d_out); δ and w its value eraser where `value_erasers` has, at strength s of the settings. base: fingerprint of the
    Gram matrix of the weights it was computed from. note: why an automatic schedule stopped where it did, and what was
    not done.
    """

    operator: Operator
    settings: EraseSettings
    records: tuple[EpochRecord, ...]
    base: Fingerprint
    orthogonal_maps: Mapping[str, Tensor] = field(default_factory=dict)
    value_erasers: Mapping[str, ValueEraser] = field(default_factory=dict)
    note: str = ""

    def factors_for(self, weight: Weight) -> tuple[Tensor, Tensor] | None:
        """`up` (d_out, r) and `down` (r, d) with W' = W + up down; None where no form of low rank is known.

        In float32, or float64 for a float64 weight, on the weight's device.
        """
        if weight.name in self.orthogonal_maps or 2 * self.operator.rank > self.operator.width:
            return None
        up, down = self.operator.factors_for(weight.matrix)
        if weight.name not in self.value_erasers:
            return up, down
        eraser = self.value_erasers[weight.name]
        up_values, down_values = eraser.change_of(weight.matrix, self.settings.seal)
        return torch.cat([up + up_values @ (eraser.project_right.to(up).T @ up), up_values], 1), torch.cat(
            [down, down_values]
        )

    def change_of(self, weight: Weight) -> Tensor:
        """W' − W, (d_out, d), in float32, or float64 for a float64 weight, on the weight's device."""
        factors = self.factors_for(weight)
        if factors is not None:
            return factors[0] @ factors[1]
        change = self.operator.change_of(weight.matrix)
        wide = weight.matrix.to(change.dtype)
        edited = wide + change
        if weight.name in self.orthogonal_maps:
            edited = self.orthogonal_maps[weight.name].to(edited) @ edited
        if weight.name in self.value_erasers:
            up_values, down_values = self.value_erasers[weight.name].change_of(edited, self.settings.seal)
            edited = edited + up_values @ down_values
        return edited - wide

    def bias_changes(
        self, entries: Iterable[TextEntry], shapes: Mapping[str, tuple[int, ...]], read: Callable[[str], Tensor]
    ) -> dict[str, Tensor]:
        """What the value erasers of `entries` add to biases, by name, (d_out,) float32 or float64.

        shapes: of all weights of the model. `read` gives a stored weight of it by name, called where one stands between
        the values and the bias. Raises ValueError where their shapes don't fit.
        """
        changes = {}
        for entry in entries:
            if entry.name in self.value_erasers:
                check_output(entry, shapes)
                behind, bias = find_output(entry, shapes)
                output = None if behind is None else read(behind)
                changes[bias] = self.value_erasers[entry.name].bias_change(output, self.settings.seal)
        return changes


@dataclass(frozen=True)
class Erasure:
    """What was erased onto what, from each conditioning input (see `text_entries`).

    parts: by conditioning input, tokens first. encoder: fingerprints of what the text encoder gives for each of them,
    which an erasure cannot do without. family: of the model it was made on. left_alone: conditioning inputs that the
    model reads and that were not erased, each with the reason. text_weights: the user's own choice of text entries, see
    `find_family`.
    """

    parts: Mapping[str, Part]
    concepts: Concepts
    encoder: Mapping[str, Fingerprint]
    family: str
    left_alone: Mapping[str, str] = field(default_factory=dict)
    text_weights: str = ""

    def factors_for(self, weight: Weight) -> tuple[Tensor, Tensor] | None:
        """See `Part.factors_for`, of the conditioning input that `weight` reads."""
        return self.parts[weight.cond_input].factors_for(weight)

    def change_of(self, weight: Weight) -> Tensor:
        """See `Part.change_of`, of the conditioning input that `weight` reads."""
        return self.parts[weight.cond_input].change_of(weight)

    def check_encoder(self, encoder: Mapping[str, Fingerprint]) -> str:
        """What to say where `encoder`, in fingerprints, is only close to the one this erasure was made for.

        Empty where it is the same up to the rounding of 16 bits. ValueError where it is another one.
        """
        difference = 0.0
        for cond_input, expected in self.encoder.items():
            difference = max(difference, estimate_difference(expected, encoder.get(cond_input, ())))
            if difference > CLOSE:
                raise ValueError(
                    f"this erasure was made for another text encoder, where the same words have other embeddings "
                    f"(conditioning input '{cond_input}'), so it would erase something else. Use the checkpoint "
                    f"family it was made "
                    "with, or erase again on this one."
                )
        if difference <= TOLERANCE:
            return ""
        return (
            f"the text encoder gives embeddings about {difference:.0%} off those it was made with, as a copy in fp8 "
            "does, so all of it is approximate."
        )

    def changes_nothing(self) -> bool:
        """Whether no weight is changed, as where the model reads a target as it reads its anchor."""
        return not any(
            part.operator.compressed().rank or part.orthogonal_maps or (part.value_erasers and part.settings.seal)
            for part in self.parts.values()
        )

    def check_family(self, family: str) -> None:
        """ValueError unless `family` is the one this erasure was made on."""
        if family != self.family:
            raise ValueError(
                f"this erasure was made on a model of the family '{self.family}', this one is of '{family}', where "
                "other weights read the text. Use a model of the family it was made with, or erase again on this one."
            )


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


def describe_fit(erasure: Erasure, model: TextModel, bases: Mapping[str, Fingerprint], strength: float = 1.0) -> str:
    """What of `erasure` is exact on `model` at `strength` and what approximate, a line a conditioning input.

    bases: the fingerprint of the model's Gram matrix for each conditioning input that was erased.
    """
    if not strength:
        return "strength 0: nothing is applied, the model is as it came."
    lines = [] if strength == 1 else [f"strength {strength:g}: the concept may be wholly there, draw it to see."]
    applied = "all of it" if strength == 1 else "what is applied"
    for cond_input, part in erasure.parts.items():
        if same_fingerprint(part.base, bases[cond_input]):
            line = f"made on these weights: {applied} is exact, up to the rounding of the model's type"
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
