"""Whether an erasure fits a model: its family, its streams and their widths, and each layer where it goes by layer."""

from __future__ import annotations

from collections.abc import Sequence

from .erasure import Erasure, Part
from .text_entries import TextEntry
from .text_model import TextModel


def check_fit(erasure: Erasure, model: TextModel) -> None:
    """ValueError, saying what differs, unless every part of `erasure` fits `model`."""
    erasure.check_family(model.family.name)
    streams = model.streams
    for stream, part in erasure.parts.items():
        if stream not in streams:
            raise ValueError(
                f"the erasure is for the stream '{stream}' too, which this model of the family '{model.family.name}' "
                f"does not read (it reads {', '.join(streams)}). Use a model of the family it was made for."
            )
        width = streams[stream][0].shape[1]
        if part.operator.width != width:
            raise ValueError(
                f"the erasure is for text embeddings of width {part.operator.width}, this model of the family "
                f"'{model.family.name}' reads width {width} (stream '{stream}'). Use a model of the family it was made "
                "for."
            )
        _check_layers(part, streams[stream])


def _check_layers(part: Part, entries: Sequence[TextEntry]) -> None:
    turned = {name: len(turn) for name, turn in part.rotations.items()}
    sealed = {name: len(seal.write) for name, seal in part.seals.items()}
    rows = {entry.name: entry.shape[0] for entry in entries}
    values = {entry.name: entry.shape[0] for entry in entries if entry.role != "key"}
    for made, found in ((turned, rows), (sealed, values)):
        if made and made != found:
            name = min(name for name in made.keys() | found.keys() if made.get(name) != found.get(name))
            raise ValueError(
                f"the erasure was made layer by layer, for other layers than this model's: {name} has "
                f"{made.get(name, 'no')} rows there and {found.get(name, 'no')} here. "
                "Use a model of the family it was made for."
            )
