"""What an erasure is going to do to each conditioning input: settled and checked before the long work begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..models.fingerprint import Fingerprint, fingerprint_inputs
from ..models.text_model import POOLED, TOKENS, CondInputs, TextModel
from ..texts.alignment import EncodedText
from ..texts.concepts import Concepts
from ..texts.presets import PROBES
from ..texts.prior import choose_captions
from .concept_texts import ConceptTexts
from .erase import count_steps
from .schedule import RIDGES, Goals
from .settings import EraseSettings, choose_ridge_scale

FINGERPRINT_TEXT = "a photo of a cat"

Encode = Callable[[str], CondInputs]


@dataclass(frozen=True)
class Plan:
    """An erasure of `texts` from `model`, whose text encoder is `encode`.

    settings: of each conditioning input that is erased. notes: in what they are not what was asked for. left_alone: the
    conditioning inputs that are not erased, each with the reason. encoder: fingerprints of what the text encoder gives,
    by conditioning input. captions: for the preserve prior, none where no conditioning input needs one. goals: for an
    automatic schedule. rows: how many rows an ordinary text has in each conditioning input that is erased.
    """

    model: TextModel
    encode: Encode
    texts: ConceptTexts
    settings: Mapping[str, EraseSettings]
    notes: Mapping[str, str]
    left_alone: Mapping[str, str]
    encoder: Mapping[str, Fingerprint]
    captions: tuple[str, ...]
    goals: Goals | None
    rows: Mapping[str, int]

    @property
    def widths(self) -> dict[str, int]:
        """The width of each conditioning input that is erased."""
        return {cond_input: self.model.cond_inputs[cond_input][0].shape[1] for cond_input in self.settings}

    @property
    def steps(self) -> int:
        """How often `erase_concepts` calls its `on_step`, at most: an automatic schedule may stop early."""
        loops = len(RIDGES) if self.goals else 1
        steps = len(self.texts.words) + len(self.captions)
        concepts = self.texts.concepts
        for cond_input, settings in self.settings.items():
            targets = len(concepts.pairs) * len(self.model.list_sources(cond_input))
            targets += len(concepts.embeddings) * (cond_input == TOKENS)
            turns = 2 * (settings.epochs + 1) * loops if settings.edit.mode == "orthogonal" else 0
            steps += (1 + (settings.seal > 0) + turns) * len(self.model.cond_inputs[cond_input])
            steps += count_steps(targets, settings) * loops
        return steps

    def read(self, text: str) -> dict[str, tuple[EncodedText, ...]]:
        """What the model reads of `text` in each conditioning input that is erased."""
        prepared = self.model.prepare_inputs(self.encode(text))
        return {cond_input: prepared[cond_input] for cond_input in self.settings}


def plan_erasure(
    model: TextModel,
    encode: Encode,
    concepts: Concepts,
    settings: EraseSettings,
    *,
    auto_ridges: bool = False,
    probes: Sequence[str] = PROBES,
    goals: Goals | None = None,
    pooled: bool = True,
) -> Plan:
    """Settle how `concepts` are erased from `model` with a text encoder `encode`, which is called once here.

    auto_ridges: choose the ridge scale of each conditioning input by the size of its embeddings. probes: texts to
    measure drift on. goals: search for edit ridge and epochs, see `schedule`. pooled: whether the pooled embedding is
    erased too, where the model reads one.

    Raises ValueError where the text encoder gives no tokens, or of another width than the model reads, where value
    erasure is asked for and no conditioning input can have one, and where every caption for the prior names a target.
    """
    given = encode(FINGERPRINT_TEXT)
    prepared = model.prepare_inputs(given)
    left_alone = _leave_alone(model, prepared, given, pooled)
    prepared = {cond_input: texts for cond_input, texts in prepared.items() if cond_input not in left_alone}
    without_bias = _list_without_bias(model, tuple(prepared)) if settings.seal else ()
    chosen = {}
    for cond_input, (text, *_) in prepared.items():
        scale = choose_ridge_scale(text.tokens) if auto_ridges else settings.edit.ridge_scale
        seal = 0.0 if cond_input in without_bias else settings.seal
        chosen[cond_input] = replace(settings, edit=replace(settings.edit, ridge_scale=scale), seal=seal)
    sources = {source: None for cond_input in chosen for source in model.list_sources(cond_input) if source in given}
    return Plan(
        model,
        encode,
        ConceptTexts.of(concepts, probes),
        chosen,
        notes=dict.fromkeys(without_bias, "no value erasure: no bias to put back what texts have in common"),
        left_alone=left_alone,
        encoder=fingerprint_inputs({source: given[source] for source in sources}),
        captions=choose_captions(concepts) if any(each.needs_prior for each in chosen.values()) else (),
        goals=goals,
        rows={cond_input: sum(len(text.tokens) for text in texts) for cond_input, texts in prepared.items()},
    )


def _leave_alone(model: TextModel, prepared: Mapping[str, object], given: CondInputs, pooled: bool) -> dict[str, str]:
    """The conditioning inputs that are not erased, and why; ValueError where the tokens would be one of them."""
    if TOKENS not in prepared:
        raise ValueError(
            f"the text encoder gives {', '.join(given) or 'nothing'}, but the model reads token embeddings. Connect "
            "the CLIP that belongs to this model."
        )
    reasons = {
        cond_input: "the text encoder gives no such embedding"
        for cond_input in model.cond_inputs
        if cond_input not in prepared
    }
    if not pooled and POOLED in prepared:
        reasons[POOLED] = "switched off"
    return reasons


def _list_without_bias(model: TextModel, cond_inputs: Sequence[str]) -> tuple[str, ...]:
    """Those of `cond_inputs` that cannot have value erasers; ValueError where none can."""
    refusals: dict[str, ValueError] = {}
    for cond_input in cond_inputs:
        try:
            model.check_value_erasure(cond_input)
        except ValueError as error:
            refusals[cond_input] = error
    if len(refusals) == len(cond_inputs):
        raise next(iter(refusals.values()))
    return tuple(refusals)
