"""An erased checkpoint written to a file, a weight at a time, and what storing it costs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..erasing.erasure import Erasure
from ..erasing.measures import measure_share_changed
from ..sharing.provenance import describe_provenance
from ..storage.header import add_provenance
from ..storage.tensor_file import TensorFile
from ..storage.tensor_rewrite import Change, OnBytes, narrow, rewrite_tensors
from .checkpoint import Checkpoint, list_changes, list_copied_changes
from .copies import ALIKE, DROP
from .file_view import FileView, name_in_file
from .folder_writer import rewrite_view


@dataclass(frozen=True)
class Written:
    """What was changed in a checkpoint: the names of weights and biases, the share of the diffusion model's parameters
    that weights are, and the rounding, ‖stored − W'‖ / ‖W' − W‖ (Frobenius) over all of them, without copies; NaN for
    no change.

    copies, left_out: names of copies of them in the file that were erased alike, and of those that it lacks now.
    """

    names: tuple[str, ...]
    share: float
    rounding: float
    copies: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def write_erased(
    checkpoint: Checkpoint,
    erasure: Erasure,
    path: Path | None,
    strength: float = 1.0,
    on_bytes: OnBytes = lambda count: None,
    copies: str = ALIKE,
) -> Written:
    """Write `checkpoint` with `strength` of `erasure` to `path`, whole or not at all; only work it out for None.

    Holds one weight at a time. See `rewrite_tensors` for errors and `on_bytes`. copies: whether the file's copies of
    weights are erased alike, which raises ValueError where some cannot be, or left out.
    """
    checkpoint.copies.check(checkpoint.file, copies)
    rounding = _Rounding(checkpoint)
    own = {name: rounding.watch(name, each) for name, each in list_changes(checkpoint, erasure, strength).items()}
    copied = list_copied_changes(checkpoint, erasure, strength) if copies == ALIKE else {}
    left_out = checkpoint.copies.names if copies == DROP else ()
    changes = own | copied
    if path is None:
        for name, change in changes.items():
            change()
            on_bytes(checkpoint.file.tensors[name].stop - checkpoint.file.tensors[name].start)
    else:
        _write(checkpoint.file, path, changes, describe_provenance(erasure), on_bytes, left_out)
    share = measure_share_changed(checkpoint.model.list_entries(erasure.parts), checkpoint.model.shapes.values())
    names = tuple(name_in_file(checkpoint.file, name) for name in own)
    return Written(names, share, rounding.error, tuple(copied), left_out)


def _write(
    file: TensorFile,
    path: Path,
    changes: Mapping[str, Change],
    provenance: Mapping[str, str],
    on_bytes: OnBytes,
    left_out: Collection[str],
) -> None:
    """Write `file`, or the files that it stands for, see `rewrite_tensors`; `provenance` is added to their headers."""

    def add_note(metadata: Mapping[str, str]) -> dict[str, str]:
        return add_provenance(metadata, provenance)

    if isinstance(file, FileView):
        rewrite_view(file, path, changes, add_note, on_bytes, left_out)
    else:
        rewrite_tensors(file, path, changes, add_note(file.metadata), on_bytes, left_out)


class _Rounding:
    """The running sums of what is lost by storing, and of what was changed."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._file = checkpoint.file
        self._lost = self._changed = 0.0

    @property
    def error(self) -> float:
        return (self._lost / self._changed) ** 0.5 if self._changed else float("nan")

    def watch(self, name: str, change: Change) -> Change:
        """`change` of the weight `name`, rounded as it is stored."""

        def store() -> Tensor:
            edited = change()
            stored = narrow(edited, self._file, name)
            self._changed += float((edited - self._file.read(name).to(edited)).double().square().sum())
            self._lost += float((stored.to(edited) - edited).double().square().sum())
            return stored

        return store
