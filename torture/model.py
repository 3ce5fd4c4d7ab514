"""A small model to try erasures on, and erasures of it, whole and with everything in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from rece_core.algebra.operator import Operator
from rece_core.erasing.erase import EpochRecord
from rece_core.erasing.erasure import Erasure, Part
from rece_core.erasing.settings import EditSettings, EraseSettings
from rece_core.erasing.value_eraser import ValueEraser
from rece_core.models.fingerprint import fingerprint
from rece_core.models.text_entries import TextEntry, find_family
from rece_core.models.text_model import TextModel
from rece_core.models.weights import Weight, accumulate_gram
from rece_core.progress import OnStep
from rece_core.texts.concepts import parse_concepts

WIDTH, ROWS = 24, 12
BLOCK = "diffusion_model.transformer_blocks.0.attn2."


def make_model() -> TextModel:
    """A U-Net of one layer."""
    weights = {
        f"{BLOCK}to_k.weight": draw(1, ROWS, WIDTH),
        f"{BLOCK}to_v.weight": draw(2, ROWS, WIDTH),
        f"{BLOCK}to_out.0.weight": draw(3, ROWS, ROWS),
        f"{BLOCK}to_out.0.bias": draw(4, ROWS),
    }
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}

    def read(entries: Sequence[TextEntry], on_step: OnStep) -> Iterator[Weight]:
        for entry in entries:
            yield Weight(entry.name, entry.role, weights[entry.name], entry.cond_input)

    return TextModel(find_family(shapes), shapes, read)


def make_erasure(model: TextModel, mode: str, **settings: Any) -> Erasure:
    """Of `model`: an operator, and what `mode` and `settings` have beside it."""
    entries = model.cond_inputs["tokens"]
    width = entries[0].shape[1]
    maps, erasers = {}, {}
    if mode == "orthogonal":
        maps = {entry.name: torch.linalg.qr(draw(7, ROWS, ROWS)).Q.double() for entry in entries}
    if settings.get("seal"):
        made = (entry.name for entry in entries if entry.role == "value")
        erasers = {name: ValueEraser(draw(8, ROWS, 2), draw(9, ROWS, 2), draw(10, 2)) for name in made}
    nan = float("nan")
    part = Part(
        operator=Operator(0.2 * draw(5, width, 3), 0.2 * draw(6, width, 3)),
        settings=EraseSettings(EditSettings(mode=mode), epochs=1, **settings),
        records=(EpochRecord(0, 0.9, 0.5, 1.0, nan, 2, None, 0.1), EpochRecord(1, 0.9, 0.1, 1.0, 0.2, 3, 4.0, 0.1)),
        base=fingerprint(accumulate_gram(model.read(entries, ignore)).total),
        orthogonal_maps=maps,
        value_erasers=erasers,
        note="all done",
    )
    concepts = parse_concepts(
        "style", "van gogh, 梵高 => art\nsnoopy => dog, cat", preserve="a dog", phrasings=("{}", "a picture by {}")
    )
    return Erasure(
        {"tokens": part}, concepts, {"tokens": fingerprint(draw(11, 7, WIDTH))}, model.family.name, {"pooled": "none"}
    )


def ignore(step: str) -> None:
    """No progress is shown."""


def draw(seed: int, *shape: int) -> Tensor:
    """Standard normal numbers, float64."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
