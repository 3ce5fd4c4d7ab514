"""A whole erasure, in three steps: which texts there are, what is settled and checked beforehand, and the long work.

`ConceptTexts` are the texts to encode. `plan_erasure` settles how they are erased from each conditioning input of a
model. `erase_concepts` carries that out, one input after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ..models.fingerprint import Fingerprint, fingerprint, fingerprint_inputs
from ..models.text_model import POOLED, TOKENS, CondInputs, PreparedInputs, TextModel
from ..models.weights import accumulate_gram
from ..progress import OnStep, Progress
from ..texts.alignment import EncodedText, average_texts
from ..texts.anchors import MakeWords, choose_anchors, describe_text, describe_words
from ..texts.concepts import Concepts
from ..texts.presets import PROBES
from ..texts.prior import Prior, accumulate_priors, choose_captions
from ..texts.wording import count
from .erase import EncodedConcepts, EpochResult, iterate_erasure, prepare_solvers
from .erasure import Erasure, Part
from .schedule import RIDGES, Goals, Schedule, follow_settings, search_schedule
from .settings import EraseSettings, choose_ridge_scale
from .value_eraser import ValueEraser


@dataclass(frozen=True)
class ConceptTexts:
    """Concepts with the texts around them. A text that says nothing is always preserved, as in the paper.

    probes: of those asked for, the ones that are neither target nor preserved.
    """

    concepts: Concepts
    preserved: tuple[str, ...]
    preserved_in_epochs: tuple[str, ...]
    probes: tuple[str, ...]

    @classmethod
    def of(cls, concepts: Concepts, probes: Sequence[str]) -> ConceptTexts:
        """The texts around `concepts`, with `probes` to measure drift on."""
        preserved = ("", *concepts.preserve)
        in_epochs = (concepts.kept_in_epochs, *concepts.preserve)
        taken = {*(pair.target for pair in concepts.pairs), *preserved, *in_epochs}
        return cls(concepts, preserved, in_epochs, tuple(probe for probe in probes if probe not in taken))

    @property
    def words(self) -> tuple[str, ...]:
        """All texts to encode, each once: many targets often share an anchor."""
        targets = [pair.target for pair in self.concepts.pairs]
        anchors = [anchor for pair in self.concepts.pairs for anchor in pair.anchors]
        return tuple(dict.fromkeys([*targets, *anchors, *self.preserved, *self.preserved_in_epochs, *self.probes]))

    def collect(self, cond_input: str, prepared: Mapping[str, PreparedInputs], prior: Prior | None) -> EncodedConcepts:
        """The concepts in `cond_input`, given each of the words as `Plan.prepare_inputs` gives it."""

        def find(text: str) -> tuple[EncodedText, ...]:
            return prepared[text][cond_input]

        pairs = self.concepts.pairs
        targets = [text for pair in pairs for text in find(pair.target)]
        anchors = [
            average_texts(same)
            for pair in pairs
            for same in zip(*(find(anchor) for anchor in pair.anchors), strict=True)
        ]
        # An embedding has no words: it faces its anchor from the start on.
        embeddings = self.concepts.embeddings if cond_input == TOKENS else ()
        found = [EncodedText(f"embedding {n}", rows, 0) for n, rows in enumerate(embeddings, start=1)]
        later = None
        if self.preserved_in_epochs != self.preserved:
            later = tuple(text for word in self.preserved_in_epochs for text in find(word))
        plain = EncodedText(anchors[0].text, anchors[0].tokens, 0)
        return EncodedConcepts(
            targets=(*targets, *found),
            anchors=(*anchors, *(plain for _ in found)),
            preserved=tuple(text for word in self.preserved for text in find(word)),
            preserved_in_epochs=later,
            probes=tuple(text for word in self.probes for text in find(word)),
            exact=find(""),
            prior=prior,
            groups=(*(pair.concept for pair in pairs for _ in find(pair.target)), *(0 for _ in found)),
        )


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

    def prepare_inputs(self, text: str) -> PreparedInputs:
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
    make_words: MakeWords = describe_words,
) -> Plan:
    """Settle how `concepts` are erased from `model` with a text encoder `encode`.

    `encode` is called once here, and for every candidate where a concept has no anchor, see `choose_anchors`, which is
    given `make_words`.

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
    notes = {each: ["no value erasure: no bias to put back what texts have in common"] for each in without_bias}
    without_anchor = sum(not each.anchors for each in concepts.concepts)
    if without_anchor:
        concepts = choose_anchors(
            concepts, lambda text: describe_text(model.prepare_inputs(encode(text))[TOKENS][0]), make_words
        )
        told = f"{count(without_anchor, 'anchor')} chosen, as none was given: a relative of each target"
        notes.setdefault(TOKENS, []).append(told)
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
        notes={cond_input: "\n".join(told) for cond_input, told in notes.items()},
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


MakePriors = Callable[[Callable[[str], PreparedInputs], Sequence[str], OnStep], Mapping[str, Prior]]


def erase_concepts(
    plan: Plan,
    progress: Progress | None = None,
    make_priors: MakePriors = accumulate_priors,
    on_encoded: Callable[[], None] = lambda: None,
) -> Erasure:
    """Carry out `plan`; nothing of the model is written to.

    Each conditioning input has a Gram matrix, a prior and an operator of its own; the loop is that of `erase`.
    `progress` shows each step before it, and may raise to cancel. `make_priors` gives the preserve prior of each
    conditioning input, from what is read of a text, and captions, and may call back once a caption. `on_encoded` is
    called once no text will be encoded any more.

    Raises ValueError where a text cannot be encoded or a system is singular.
    """
    words, captions = plan.texts.words, plan.captions
    encoding, reading, *erasing = (progress or Progress()).split(1, 1 if captions else 0, *[2] * len(plan.settings))
    prepared, on_word = {}, encoding.count(len(words))
    for word in words:
        on_word(f"encode '{word}'")
        prepared[word] = plan.prepare_inputs(word)
    priors = make_priors(plan.prepare_inputs, captions, reading.count(len(captions))) if captions else {}
    on_encoded()
    parts = {}
    for cond_input, part in zip(plan.settings, erasing, strict=True):
        texts = plan.texts.collect(cond_input, prepared, priors.get(cond_input))
        stage = part if len(plan.settings) == 1 else part.named(cond_input)
        parts[cond_input] = _erase_input(plan, cond_input, texts, stage)
    return Erasure(parts, plan.texts.concepts, plan.encoder, plan.model.family.name, plan.left_alone)


def _erase_input(plan: Plan, cond_input: str, texts: EncodedConcepts, progress: Progress) -> Part:
    settings, notes = plan.settings[cond_input], [plan.notes[cond_input]] if cond_input in plan.notes else []
    summing, searching, searching_again = progress.split(1, 4, 4 if plan.goals and settings.seal else 0)
    entries = plan.model.cond_inputs[cond_input]
    gram = accumulate_gram(plan.model.read(entries, summing.count(len(entries))))
    read = partial(plan.model.read, entries, progress)

    def search(tried: EraseSettings, stage: Progress) -> tuple[Schedule, Mapping[str, ValueEraser]]:
        value_erasers, make_solver = prepare_solvers(read, gram, texts, tried)
        runs = iter(stage.split(*[1] * (len(RIDGES) if plan.goals else 1)))

        def run(each: EraseSettings) -> Iterator[EpochResult]:
            return iterate_erasure(gram, texts, each, next(runs), make_solver())

        schedule = search_schedule(run, tried, plan.goals) if plan.goals else follow_settings(run, tried)
        return schedule, value_erasers

    schedule, value_erasers = search(settings, searching)
    if plan.goals and settings.seal and schedule.drift > plan.goals.drift:
        # What value erasers take from other texts grows with the number of concepts, whatever ridge and epochs are.
        lighter, none = search(replace(settings, seal=0.0), searching_again)
        if lighter.drift < schedule.drift:
            notes.append(
                f"values are left as they are: with them erased even the first edit drifts by {schedule.drift:.1%}, "
                f"more than {plan.goals.drift:.1%}. Embeddings made for it then bring more of the concept back."
            )
            schedule, value_erasers = lighter, none
    *before, last = schedule.records
    operator = schedule.result.operator.compressed()
    return Part(
        operator=operator,
        settings=schedule.settings,
        records=(*before, replace(last, condition=operator.condition_number())),
        base=fingerprint(gram.total),
        orthogonal_maps=schedule.result.orthogonal_maps,
        value_erasers=value_erasers,
        note="\n".join([*notes, *([schedule.reason] if schedule.reason else [])]),
    )
