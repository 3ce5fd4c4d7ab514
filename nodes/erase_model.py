"""From the host's MODEL and CLIP to an erased MODEL: what the nodes that erase have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import partial
from typing import Any

from ..rece_core.alignment import EncodedText, average_texts
from ..rece_core.concepts import Concepts
from ..rece_core.erase import EncodedConcepts, EpochResult, count_steps, iterate_erasure, prepare_solvers
from ..rece_core.erasure import Erasure
from ..rece_core.fingerprint import fingerprint
from ..rece_core.gram import accumulate_gram
from ..rece_core.presets import PROBES
from ..rece_core.prior import Prior
from ..rece_core.schedule import RIDGES, Goals, search_schedule
from ..rece_core.settings import EditSettings, EraseSettings, choose_ridge_scale
from .host import (
    Progress,
    attach_erasure,
    check_sealable,
    encode_text,
    fingerprint_encoder,
    list_text_entries,
    read_weights,
)
from .priors import choose_captions, make_prior


def make_edit_settings(clip: Any, *, ridge_scale: str, edit_ridge: float, free_share: float, **widgets: Any) -> Any:
    """Settings of an edit from a node's widgets; ridge scale `auto` looks at how large the embeddings of `clip` are."""
    if ridge_scale == "auto":
        ridge_scale = choose_ridge_scale(encode_text(clip, PROBES[0]).tokens)
    names = {field.name for field in fields(EditSettings)}
    return EditSettings(
        ridge=edit_ridge,
        ridge_scale=ridge_scale,
        free_share=free_share or None,
        **{name: value for name, value in widgets.items() if name in names},
    )


def pick_seal(widgets: Mapping[str, Any]) -> dict[str, Any]:
    """What of a node's widgets is about the seal, as fields of EraseSettings."""
    return {name: widgets[name] for name in ("seal", "seal_caution")}


def erase_model(
    model: Any,
    clip: Any,
    concepts: Concepts,
    settings: EraseSettings,
    probes: Sequence[str] = PROBES,
    goals: Goals | None = None,
) -> tuple[Any, Erasure]:
    """A clone of `model` that has forgotten `concepts`, and the erasure itself; `model` stays as it is.

    The empty text is always preserved, as in the paper. `probes` that are neither target nor preserved measure drift.
    With `goals`, edit ridge and epochs are searched for, see `rece_core.schedule`.
    """
    entries = list_text_entries(model)  # before the long work: a model without text entries is refused at once
    if settings.seal:
        check_sealable(model)
    preserved = ["", *concepts.preserve]
    probes = [probe for probe in probes if probe not in {*(pair.target for pair in concepts.pairs), *preserved}]
    words = _list_words(concepts, preserved, probes)
    captions = choose_captions(concepts) if settings.needs_prior else ()
    progress = Progress(
        len(words)
        + len(captions)
        + _count_passes(settings) * len(entries)
        + count_steps(len(concepts.pairs) + len(concepts.embeddings), settings) * (len(RIDGES) if goals else 1)
    )
    encoded = {word: encode_text(clip, word, progress) for word in words}
    prior = make_prior(clip, captions, progress) if captions else None
    texts = _collect_texts(concepts, encoded, preserved, probes, prior)
    gram = accumulate_gram(read_weights(model, progress))
    seals, make_solver = prepare_solvers(partial(read_weights, model, progress), gram, texts, settings)

    def run(tried: EraseSettings) -> Iterator[EpochResult]:
        return iterate_erasure(gram, texts, tried, progress, make_solver())

    if goals:
        schedule = search_schedule(run, settings, goals)
        settings, records, result, note = schedule.settings, schedule.records, schedule.result, schedule.reason
    else:
        note, records = "", ()
        for result in run(settings):
            records += (result.record,)
    erasure = Erasure(
        operator=result.operator.compressed(),
        concepts=concepts,
        settings=settings,
        records=records,
        encoder=fingerprint_encoder(clip),
        base=fingerprint(gram.total),
        rotations=result.rotations,
        seals=seals,
        note=note,
    )
    return attach_erasure(model, erasure, on_step=progress), erasure


def _count_passes(settings: EraseSettings) -> int:
    """How often all weights are read: for the Gram matrix, to attach, for seals, and twice an edit that turns them."""
    turns = 2 * (settings.epochs + 1) if settings.edit.mode == "orthogonal" else 0
    return 2 + (settings.seal > 0) + turns


def _list_words(concepts: Concepts, preserved: Sequence[str], probes: Sequence[str]) -> list[str]:
    targets = [pair.target for pair in concepts.pairs]
    anchors = [anchor for pair in concepts.pairs for anchor in pair.anchors]
    return list(dict.fromkeys([*targets, *anchors, *preserved, *probes]))  # many targets often share an anchor


def _collect_texts(
    concepts: Concepts,
    encoded: dict[str, EncodedText],
    preserved: Sequence[str],
    probes: Sequence[str],
    prior: Prior | None,
) -> EncodedConcepts:
    pairs = concepts.pairs
    anchors = [average_texts([encoded[anchor] for anchor in pair.anchors]) for pair in pairs]
    # An embedding has no words: it faces its anchor from the start on.
    found = [EncodedText(f"embedding {n}", rows, 0) for n, rows in enumerate(concepts.embeddings, start=1)]
    plain = EncodedText(anchors[0].text, anchors[0].tokens, 0)
    return EncodedConcepts(
        targets=(*(encoded[pair.target] for pair in pairs), *found),
        anchors=(*anchors, *(plain for _ in found)),
        preserved=tuple(encoded[text] for text in preserved),
        probes=tuple(encoded[text] for text in probes),
        exact=(encoded[""],),
        prior=prior,
        groups=(*(pair.concept for pair in pairs), *(0 for _ in found)),
    )
