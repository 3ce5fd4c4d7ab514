"""The host's models as the engine knows them, and its erasures attached as the host's own patches."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any

import comfy.model_management
import comfy.utils
import torch
from comfy.weight_adapter import LoRAAdapter
from comfy_api.latest import ui
from comfy_execution.utils import get_executing_context
from server import PromptServer
from torch import Tensor
from torch.nn import functional

from ..rece_core.erasing.erasure import Erasure, Part, check_fit
from ..rece_core.erasing.measures import measure_share_changed
from ..rece_core.erasing.presence import Held, measure_shares, same_erasure
from ..rece_core.models.text_entries import TextEntry, find_family
from ..rece_core.models.text_model import TextModel
from ..rece_core.models.weights import Weight
from ..rece_core.progress import OnStep, Progress
from ..rece_core.reporting.description import Rounding
from .host_foreign import find_foreign
from .host_weights import (
    DIFFUSION_MODEL,
    list_marks,
    list_shapes,
    measure_rounding,
    read_beneath,
    read_weight,
    require_readable,
)

ATTACHED_TOLERANCE = 1e-6  # of the attached low-rank form: below the rounding of the weights it is added to
SHOWN_EVERY = 0.2  # seconds
BAR_LENGTH = 1000  # units of a bar, whatever the work is


class NodeBar:
    """The progress bar of the node that runs, with its steps in words; each step raises if the user asked to stop.

    Steps that follow each other within SHOWN_EVERY are not shown, but for the last: newer pages draw a node again for
    every message, and with hundreds a second no longer answer a click on Cancel.
    """

    def __init__(self) -> None:
        self._bar = comfy.utils.ProgressBar(BAR_LENGTH)
        self._shown_at = -math.inf

    def __call__(self, share: float, step: str) -> None:
        """Show that a `share` of the work is done and what comes next, see `Progress`."""
        comfy.model_management.throw_exception_if_processing_interrupted()
        now = time.monotonic()
        if share < 1 and now - self._shown_at < SHOWN_EVERY:
            return
        self._shown_at = now
        reached = round(share * BAR_LENGTH)
        if reached != self._bar.current:
            self._bar.update_absolute(reached)
        _send_to_node(step)

    def preview(self, picture: Any) -> None:
        """Show a picture beside the bar, as the host's previewers give it."""
        self._bar.update_absolute(self._bar.current, preview=picture)


def start_progress() -> Progress:
    """The progress of the node that runs, shown on its bar."""
    return Progress(NodeBar())


def show_on_node(text: str, result: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Show `text` on the face of the node that runs, now, and return it for the node's output too.

    The page keeps the last text it was sent; what a node returns it shows for its own preview node only. `result` is
    the same as data, for the page's panel (see `results`), which shows it beside the text.
    """
    _send_to_node(text)
    return {**ui.PreviewText(text).as_dict(), **({"rece": [result]} if result else {})}


def _send_to_node(text: str) -> None:
    context = get_executing_context()
    if context is not None:
        PromptServer.instance.send_progress_text(text, context.node_id)


class HostModel:
    """A MODEL of the host as an erasure needs it: described once, and read on one device.

    model: the host's object, which is never changed. described: its text entries, and how to read them as they stand in
    the chain, patches attached so far included. device: where weights are read to and changes computed.
    """

    def __init__(self, model: Any, text_weights: str = "") -> None:
        """`text_weights`: the user's own choice of entries, see `find_family`; ValueError where it finds none.

        Computes on the device that the host computes on; see `on`.
        """
        self.model, self.device = model, model.load_device
        shapes = list_shapes(model, DIFFUSION_MODEL)
        try:
            family = find_family(shapes, text_weights, type(model.model).__name__)
        except ValueError as error:
            foreign = find_foreign(model)
            if foreign is None:
                raise
            raise ValueError(foreign.refuse("this model")) from error
        require_readable(model, (entry.name for entry in family.entries))
        names = {name for preprocessor in family.preprocessors.values() for name in preprocessor.weights}
        weights = {name: read_weight(model, name) for name in names}
        self.described = TextModel(family, shapes, self.read, weights)

    def on(self, device: torch.device) -> HostModel:
        """The same model, computed on another device."""
        other = copy(self)
        other.device = device
        other.described = replace(self.described, read=other.read)
        return other

    def read(self, entries: Sequence[TextEntry], on_step: OnStep = lambda step: None) -> Iterator[Weight]:
        """Text `entries` one at a time, float32; `on_step` is called before each. The model is left as it is."""
        for entry in entries:
            on_step(f"read {entry.name.removeprefix(DIFFUSION_MODEL)}")
            matrix = read_weight(self.model, entry.name, self.device)[:, slice(*entry.columns or (None,))]
            yield Weight(entry.name, entry.role, matrix, entry.cond_input)

    def attach(self, erasure: Erasure, strength: float = 1.0, progress: Progress | None = None) -> Any:
        """A clone of the MODEL that has forgotten, by patches that the host itself knows.

        A LoRA of the smallest rank that holds the operator to 1e-6, or a plain difference where that rank would pass
        half the width and cost more; and differences of the biases behind layers with a value eraser. `strength` scales
        them all. Raises ValueError, with nothing attached, when the erasure does not fit the model.
        """
        check_fit(erasure, self.described)
        clone = self.model.clone()
        on_step = (progress or Progress()).count(len(self.described.list_entries(erasure.parts)))
        for cond_input, part in erasure.parts.items():
            small = replace(part, operator=part.operator.compressed(ATTACHED_TOLERANCE))
            if strength == 0 or not (small.operator.rank or small.orthogonal_maps or small.value_erasers):
                continue
            entries, shapes = self.described.cond_inputs[cond_input], self.described.shapes
            patches = {
                entry.name: _patch(weight, entry.columns, shapes[entry.name][1], small, strength)
                for entry, weight in zip(entries, self.read(entries, on_step), strict=True)
            }
            # An input at a time: where two meet in one weight or one bias, both patches count.
            _add(clone, {name: _mark(patch, erasure) for name, patch in patches.items()})
            biases = small.bias_changes(entries, shapes, partial(read_weight, self.model, device=self.device))
            _add(clone, {name: ("diff", (strength * change.float().cpu(),)) for name, change in biases.items()})
        return clone

    def list_weights(self, erasure: Erasure) -> list[str]:
        """Names of the weights that `erasure` changes, each once, even where two inputs meet in it."""
        return list(dict.fromkeys(entry.name for entry in self.described.list_entries(erasure.parts)))

    def list_attached(self) -> list[Erasure]:
        """The erasures that this pack attached to the MODEL or to models merged into it, each once, in order."""
        found: list[Erasure] = []
        for entry in self.described.family.entries:
            for erasure in list_marks(self.model, entry.name):
                if not any(same_erasure(erasure, each) for each in found):
                    found.append(erasure)
        return found

    def patches_attention(self) -> bool:
        """Whether another node patches the attention to the text, or whole blocks of a transformer."""
        options = self.model.model_options.get("transformer_options", {})
        patched = [options.get("patches", {}).get(name) for name in ("attn2_patch", "attn2_output_patch")]
        replaced = [options.get("patches_replace", {}).get(name) for name in ("attn2", "dit")]
        return any([*patched, *replaced])

    def measure_held(self, asked: Sequence[Erasure] = (), progress: Progress | None = None) -> list[Held]:
        """How much the MODEL holds of each erasure that was attached to it, and of those `asked` for; see `presence`.

        One that is asked for and was not attached by this pack, but say as a LoRA, is measured against the weights
        without any patches. Text entries are read one at a time. Raises ValueError where an erasure does not fit.
        """
        attached = self.list_attached()
        others = [erasure for erasure in asked if not any(same_erasure(erasure, each) for each in attached)]
        erasures = [*attached, *others]
        for erasure in erasures:
            check_fit(erasure, self.described)
        entries = self.described.list_entries(self.described.cond_inputs)
        on_step = (progress or Progress()).count(len(entries))
        changes = (self._list_changes(entry, attached, others, on_step) for entry in entries)
        shares = measure_shares(changes) if erasures else []
        return [
            Held(erasure, share, index < len(attached))
            for index, (erasure, share) in enumerate(zip(erasures, shares, strict=True))
        ]

    def _list_changes(
        self, entry: TextEntry, attached: Sequence[Erasure], others: Sequence[Erasure], on_step: OnStep
    ) -> tuple[Tensor, list[Tensor]]:
        """What `entry` differs by, and what each erasure makes of it."""
        on_step(f"compare {entry.name.removeprefix(DIFFUSION_MODEL)}")
        columns = slice(*entry.columns or (None,))

        def read(is_mark: Callable[[Erasure], bool]) -> Weight:
            matrix = read_beneath(self.model, entry.name, is_mark, self.device)[:, columns]
            return Weight(entry.name, entry.role, matrix, entry.cond_input)

        def change(erasure: Erasure, base: Weight) -> Tensor:
            return erasure.change_of(base) if entry.cond_input in erasure.parts else torch.zeros_like(base.matrix)

        made = [change(erasure, read(partial(same_erasure, erasure))) for erasure in attached]
        made += [change(erasure, read(lambda each: False)) for erasure in others]
        beneath = read(lambda each: True).matrix
        return read_weight(self.model, entry.name, self.device)[:, columns] - beneath, made

    def measure_share(self, erasure: Erasure) -> float:
        """Share of the diffusion model's parameters that `erasure` changes."""
        return measure_share_changed(self.described.list_entries(erasure.parts), self.described.shapes.values())

    def measure_rounding(self, erased: Any, names: Sequence[str], progress: Progress) -> Rounding:
        """What the storage type of the weights `names` adds to the edit that makes `erased` of the MODEL."""
        return measure_rounding(self.model, erased, names, progress.count(len(names)), device=self.device)


class _Difference(tuple[Any, ...]):
    """The host's patch of a plain difference, which can say what it is of."""

    erasure: Erasure


def _mark(patch: Any, erasure: Erasure) -> Any:
    """The same patch to the host, by which it is found later what `erasure` was attached to; see `measure_held`."""
    marked = _Difference(patch) if isinstance(patch, tuple) else patch
    marked.erasure = erasure
    return marked


def _add(clone: Any, patches: dict[str, Any]) -> None:
    skipped = set(patches) - set(clone.add_patches(patches))
    if skipped:  # the host would only leave them out
        raise ValueError(f"the host did not take the patches of {', '.join(sorted(skipped))}. Report this as a bug.")


def _patch(weight: Weight, columns: tuple[int, int] | None, width: int, part: Part, strength: float) -> Any:
    """The change of a stored weight of `width` columns, of which `columns` read the text: zero for the others."""
    start, stop = columns or (0, width)
    around = (start, width - stop)
    factors = part.factors_for(weight)
    if factors is None:
        return ("diff", (functional.pad(strength * part.change_of(weight).cpu(), around),))
    up, down = factors
    return LoRAAdapter(set(), (strength * up.cpu(), functional.pad(down.cpu(), around), None, None, None, None))
