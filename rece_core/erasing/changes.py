"""What an erasure makes of a model's weights, one weight at a time, wherever they are stored."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from torch import Tensor

from ..models.text_entries import TextEntry
from ..models.text_model import TextModel
from ..models.weights import Weight
from .erasure import Erasure, Part

Change = Callable[[], Tensor]
ReadWeight = Callable[[str], Tensor]


def list_weight_changes(
    model: TextModel, erasure: Erasure, read: ReadWeight, strength: float = 1.0, names: Collection[str] | None = None
) -> dict[str, Change]:
    """The changed weights and biases of `model` by their names in it; each is worked out when asked for.

    A change gives the whole new weight in float32 (float64 where `read` does), not yet rounded to the type it is stored
    in. read: a whole weight by name, in float32 or float64. strength: 1 for all of the erasure, 0 for nothing of it.
    names: the weights that are there to be changed, where some are not. Raises ValueError where value erasers don't
    fit.
    """
    there = model.shapes if names is None else names
    edits: dict[str, list[tuple[TextEntry, Part]]] = {}
    biases: dict[str, Tensor] = {}
    for cond_input, part in erasure.parts.items():
        entries = [entry for entry in model.cond_inputs[cond_input] if entry.name in there]
        for entry in entries:
            edits.setdefault(entry.name, []).append((entry, part))
        for name, added in part.bias_changes(entries, model.shapes, read).items():
            biases[name] = strength * added + biases.get(name, 0.0)
    changes = {name: _edit_later(read, name, parts, strength) for name, parts in edits.items()}
    return changes | {name: _add_later(read, name, added) for name, added in biases.items()}


def pick_columns(matrix: Tensor, entry: TextEntry) -> Tensor:
    """The columns of a stored weight that `entry` reads its conditioning input by: a view."""
    return matrix[:, slice(*entry.columns or (None,))]


def _edit_later(read: ReadWeight, name: str, edits: Sequence[tuple[TextEntry, Part]], strength: float) -> Change:
    def edit() -> Tensor:
        stored = read(name)
        edited = stored.clone()
        for entry, part in edits:
            own = pick_columns(stored, entry)
            change = part.change_of(Weight(entry.name, entry.role, own, entry.cond_input))
            pick_columns(edited, entry).add_(change, alpha=strength)
        return edited

    return edit


def _add_later(read: ReadWeight, name: str, added: Tensor) -> Change:
    def add() -> Tensor:
        stored = read(name)
        return stored + added.to(stored.device)

    return add
