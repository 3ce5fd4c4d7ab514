"""A whole erasure: every conditioning input that a model reads, one after the other (see `plan`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from ..algebra.gram import accumulate_gram
from ..models.fingerprint import fingerprint
from ..models.text_model import OnStep, Readings
from ..texts.prior import Prior, accumulate_priors
from .erase import EncodedConcepts, EpochResult, iterate_erasure, prepare_solvers
from .erasure import Erasure, Part
from .plan import Plan
from .schedule import follow_settings, search_schedule
from .settings import EraseSettings

MakePriors = Callable[[Callable[[str], Readings], Sequence[str], OnStep], Mapping[str, Prior]]


def erase_concepts(
    plan: Plan,
    on_step: OnStep = lambda step: None,
    make_priors: MakePriors = accumulate_priors,
    on_encoded: Callable[[], None] = lambda: None,
) -> Erasure:
    """Carry out `plan`; nothing of the model is written to.

    Each conditioning input has a Gram matrix, a prior and an operator of its own; the loop is that of `erase`.
    `on_step` is called before each step with its name, and may raise to cancel. `make_priors` gives the preserve prior
    of each conditioning input, from what is read of a text, and captions; it calls `on_step` once a caption.
    `on_encoded` is called once no text will be encoded any more.

    Raises ValueError where a text cannot be encoded or a system is singular.
    """
    readings = {}
    for word in plan.texts.words:
        on_step(f"encode '{word}'")
        readings[word] = plan.read(word)
    priors = make_priors(plan.read, plan.captions, on_step) if plan.captions else {}
    on_encoded()
    parts = {}
    for cond_input in plan.settings:
        texts = plan.texts.collect(cond_input, readings, priors.get(cond_input))
        name_step = on_step if len(plan.settings) == 1 else partial(_name_input, on_step, cond_input)
        parts[cond_input] = _erase_input(plan, cond_input, texts, name_step)
    return Erasure(parts, plan.texts.concepts, plan.encoder, plan.model.family.name, plan.left_alone)


def _erase_input(plan: Plan, cond_input: str, texts: EncodedConcepts, on_step: OnStep) -> Part:
    settings, notes = plan.settings[cond_input], [plan.notes[cond_input]] if cond_input in plan.notes else []
    read = partial(plan.model.read, plan.model.cond_inputs[cond_input], on_step)
    gram = accumulate_gram(read())
    value_erasers, make_solver = prepare_solvers(read, gram, texts, settings)

    def run(tried: EraseSettings) -> Iterator[EpochResult]:
        return iterate_erasure(gram, texts, tried, on_step, make_solver())

    schedule = search_schedule(run, settings, plan.goals) if plan.goals else follow_settings(run, settings)
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


def _name_input(on_step: OnStep, cond_input: str, step: str) -> None:
    on_step(f"{cond_input}: {step}")
