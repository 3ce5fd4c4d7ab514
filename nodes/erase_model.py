"""From the host's MODEL and CLIP to an erased MODEL: what the nodes that erase have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..rece_core.alignment import EncodedText
from ..rece_core.concepts import Concepts
from ..rece_core.erase import EncodedConcepts, count_steps, iterate_erasure
from ..rece_core.erasure import Erasure
from ..rece_core.fingerprint import fingerprint
from ..rece_core.gram import accumulate_gram
from ..rece_core.presets import PROBES
from ..rece_core.settings import EditSettings, EraseSettings, choose_ridge_scale
from .host import Progress, attach_operator, encode_texts, fingerprint_encoder, list_text_entries, read_weights


def make_edit_settings(
    clip: Any, erase_scale: float, preserve_scale: float, edit_ridge: float, tokens: str, ridge_scale: str
) -> EditSettings:
    """Settings from a node's widgets; `auto` looks at how large the embeddings of `clip` are."""
    if ridge_scale == "auto":
        ridge_scale = choose_ridge_scale(encode_texts(clip, PROBES[:1])[0].tokens)
    return EditSettings(erase_scale, preserve_scale, edit_ridge, tokens, ridge_scale)


def erase_model(
    model: Any, clip: Any, concepts: Concepts, settings: EraseSettings, probes: Sequence[str] = PROBES
) -> tuple[Any, Erasure]:
    """A clone of `model` that has forgotten `concepts`, and the erasure itself; `model` stays as it is.

    The empty text is always preserved, as in the paper. `probes` that are neither target nor preserved measure drift.
    """
    entries = list_text_entries(model)  # before the long work: a model without text entries is refused at once
    targets = [pair.target for pair in concepts.pairs]
    preserved = ["", *concepts.preserve]
    probes = [probe for probe in probes if probe not in {*targets, *preserved}]
    anchors = [pair.anchor for pair in concepts.pairs]
    words = list(dict.fromkeys([*targets, *anchors, *preserved, *probes]))  # many targets often share an anchor
    progress = Progress(len(words) + 2 * len(entries) + count_steps(len(targets), settings))

    encoded = dict(zip(words, encode_texts(clip, words, progress), strict=True))
    texts = EncodedConcepts(
        targets=_pick(encoded, targets),
        anchors=_pick(encoded, anchors),
        preserved=_pick(encoded, preserved),
        probes=_pick(encoded, probes),
    )
    gram = accumulate_gram(read_weights(model, progress))
    results = list(iterate_erasure(gram, texts, settings, progress))
    erasure = Erasure(
        operator=results[-1].operator.compressed(),
        concepts=concepts,
        settings=settings,
        records=tuple(result.record for result in results),
        encoder=fingerprint_encoder(clip),
        base=fingerprint(gram.total),
    )
    return attach_operator(model, erasure.operator, progress), erasure


def _pick(encoded: dict[str, EncodedText], texts: Sequence[str]) -> tuple[EncodedText, ...]:
    return tuple(encoded[text] for text in texts)
