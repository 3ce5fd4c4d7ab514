"""An erasure with everything in it, to be stored, and text encoders that it may be for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor

from rece_core.erasing.erase import iterate_erasure
from rece_core.erasing.erasure import Erasure, Part
from rece_core.erasing.settings import EditSettings, EraseSettings
from rece_core.models.fingerprint import Fingerprint, fingerprint, fingerprint_inputs
from rece_core.texts.alignment import EncodedText
from rece_core.texts.concepts import parse_concepts
from tests.core.random_models import make_operator, make_scene, randn

SETTINGS = EraseSettings(EditSettings(ridge=0.05, tokens="last"), epochs=2, iteration="cumulative")


def make_erasure() -> Erasure:
    """Of two conditioning inputs, the tokens' by three edits, with names and words of all kinds."""
    scene = make_scene()
    results = list(iterate_erasure(scene.gram, scene.texts, SETTINGS))
    records = tuple(result.record for result in results)
    pooled = replace(SETTINGS, seal=0.5)
    return Erasure(
        parts={
            "tokens": Part(results[-1].operator, SETTINGS, records, fingerprint(scene.gram.total), note="all done"),
            "pooled": Part(make_operator(1, 16, 2), pooled, records[:1], fingerprint(randn(5, 16, 16))),
        },
        concepts=parse_concepts("style", "梵高 => 艺术\nnaïve “art” 🎨 => a\\b", preserve="Ünïcode\nline two"),
        encoder=fingerprints(randn(1, 77, 24), randn(3, 1, 16)),
        family="SDXL",
        left_alone={"byt5": "the text encoder gives no such embedding"},
        text_weights="*.attn2.to_k.weight\nlabel_emb.0.0.weight @ pooled",
    )


def fingerprints(tokens: Tensor, pooled: Tensor | None = None) -> dict[str, Fingerprint]:
    """Of a text encoder that gives these embeddings, the last word in row 5."""
    cond_inputs = {"tokens": EncodedText("a text", tokens, 5)}
    if pooled is not None:
        cond_inputs["pooled"] = EncodedText("a text", pooled, 0)
    return fingerprint_inputs(cond_inputs)


def change_tokens(erasure: Erasure, **changes: Any) -> Erasure:
    """The same with another part for the tokens."""
    return replace(erasure, parts={**erasure.parts, "tokens": replace(erasure.parts["tokens"], **changes)})
