"""What users leave open, settled by the kind of concept: for the nodes and the command line alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from ..texts.concepts import AS_TYPED, Concepts, Reading, read_concepts
from ..texts.presets import get_preset
from .schedule import Goals
from .settings import EditSettings, EraseSettings

SCHEDULES = ("automatic", "paper", "manual")


def resolve_concepts(
    kind: str,
    targets: str = "",
    default_anchor: str = "",
    preserve: str = "",
    *,
    by_kind: bool = True,
    captions: Sequence[str] = (),
    embeddings: Sequence[Tensor] = (),
) -> Concepts:
    """Concepts as `read_by_kind` reads them; ValueError for its first problem too."""
    reading = read_by_kind(kind, targets, default_anchor, preserve, by_kind=by_kind)
    return reading.to_concepts(kind, captions, embeddings)


def read_by_kind(
    kind: str, targets: str = "", default_anchor: str = "", preserve: str = "", *, by_kind: bool = True
) -> Reading:
    """Concepts as a user types them, see `read_concepts`, with what `kind` has for what is left empty.

    by_kind: erase each name in the phrasings of the kind too. Raises ValueError for an unknown kind.
    """
    preset = get_preset(kind)
    phrasings = preset.phrasings if by_kind else (AS_TYPED,)
    return read_concepts(targets, default_anchor or preset.anchor, preserve, phrasings, preset.targets)


def apply_schedule(schedule: str, concepts: Concepts) -> Concepts:
    """`concepts` as `schedule` erases them: `paper` takes names as typed, and keeps in the epochs what it does."""
    if schedule != "paper":
        return concepts
    return replace(concepts, phrasings=(AS_TYPED,), kept_in_epochs=get_preset(concepts.kind).kept_in_epochs)


def resolve_settings(
    schedule: str, kind: str, settings: EraseSettings, thoroughness: float = 0.5, carefulness: float = 0.5
) -> tuple[EraseSettings, Goals | None]:
    """The settings that `schedule` makes of those asked for, and the goals to search by where it is `automatic`.

    `paper` has mode, iteration, epochs, ridges and scales as the paper has them for `kind`, unsealed; `manual` all as
    they are. Raises ValueError for an unknown schedule or kind, and for sliders beyond 0 to 1.
    """
    if schedule not in SCHEDULES:
        raise ValueError(f"schedule is {schedule!r}; expected one of: {', '.join(SCHEDULES)}.")
    if schedule == "automatic":
        return settings, Goals.from_sliders(thoroughness, carefulness)
    if schedule == "paper":
        preset = get_preset(kind)
        edit = EditSettings(tokens=settings.edit.tokens, ridge_scale=settings.edit.ridge_scale)
        settings = replace(
            settings,
            edit=edit,
            epochs=preset.epochs,
            derivation_ridge=preset.derivation_ridge,
            iteration="paper",
            seal=0.0,
        )
    return settings, None
