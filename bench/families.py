"""The engine on whole models: every conditioning input, at full size, with random weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from rece_core.erasing.erase import EncodedConcepts, iterate_erasure
from rece_core.models.weights import Weight, accumulate_gram
from rece_core.texts.alignment import EncodedText

from .cases import CASES, SETTINGS
from .meter import CPU, Meter, Run, format_seconds


@dataclass(frozen=True)
class CondInput:
    """What reads one conditioning input: the width of its embedding, d_out of each weight, rows of a text in it."""

    width: int
    heights: tuple[int, ...]
    rows: int


POOLED = 1
FAMILIES: Mapping[str, Mapping[str, CondInput]] = {
    "SDXL": {
        "tokens": CondInput(2048, tuple(size for size in CASES["sdxl"].blocks for _ in "kv"), 77),
        "pooled": CondInput(1280, (1280,), POOLED),
    },
    "SD3.5 large": {"tokens": CondInput(4096, (2432,), 77), "pooled": CondInput(2048, (2432,), POOLED)},
    "Flux.1": {"tokens": CondInput(4096, (3072,), 77), "pooled": CondInput(768, (3072,), POOLED)},
    "Qwen-Image": {"tokens": CondInput(3584, (3072,), 77)},
    "Wan 2.1 14B": {"tokens": CondInput(4096, (5120,), 77)},
    "warm-up": {"tokens": CondInput(64, (32, 32), 5), "pooled": CondInput(32, (32,), POOLED)},
}


def run_family(name: str, device: torch.device = CPU) -> Run:
    """Erase one concept from a model of fresh random weights on `device`; a stage for each conditioning input."""
    _erase("warm-up", device)  # code and thread pools are loaded once, not part of any run
    return _erase(name, device)


def format_families(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Seconds and peak memory of each family as Markdown."""
    lines = [
        "**Whole models** (every conditioning input, engine alone)",
        "",
        "| model | conditioning inputs | seconds | memory (MB) |",
        "|---|---|---:|---:|",
    ]
    for name, result in results.items():
        cond_inputs = ", ".join(
            f"{cond_input} ({len(each.heights)} × d = {each.width})" for cond_input, each in FAMILIES[name].items()
        )
        peak = result["peak_bytes"]
        memory = "n/a" if peak is None else f"{peak / 1e6:.0f}"
        lines.append(f"| {name} | {cond_inputs} | {format_seconds(result['seconds'])} | {memory} |")
    return "\n".join(lines)


def _erase(name: str, device: torch.device) -> Run:
    generator = torch.Generator().manual_seed(0)
    weights = {cond_input: _make_weights(each, generator, device) for cond_input, each in FAMILIES[name].items()}
    texts = {cond_input: _make_texts(each, generator) for cond_input, each in FAMILIES[name].items()}
    meter = Meter(device)
    with torch.no_grad():
        for cond_input, matrices in weights.items():
            *_, last = iterate_erasure(accumulate_gram(matrices), texts[cond_input], SETTINGS)
            for index, weight in enumerate(matrices):
                edited = last.operator.apply_to_weight(weight.matrix)
                matrices[index] = Weight(weight.name, weight.role, edited, cond_input)
            meter(cond_input)
    return meter.finish()


def _make_weights(cond_input: CondInput, generator: torch.Generator, device: torch.device) -> list[Weight]:
    """Of a size that keeps a unit token's outputs of order 1; float32."""
    matrices = (torch.randn(rows, cond_input.width, generator=generator) for rows in cond_input.heights)
    return [
        Weight(f"{number}.weight", "input", (matrix * cond_input.width**-0.5).to(device))
        for number, matrix in enumerate(matrices)
    ]


def _make_texts(cond_input: CondInput, generator: torch.Generator) -> EncodedConcepts:
    """One concept onto one anchor, one text kept; numbers have a mean square of 1."""
    concept, anchor, kept = (
        EncodedText(text, torch.randn(cond_input.rows, cond_input.width, generator=generator), 0)
        for text in ("nudity", " ", "")
    )
    return EncodedConcepts((concept,), (anchor,), preserved=(kept,))
