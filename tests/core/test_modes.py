"""The modes around the loop: what they promise, that they fit every iteration, and what an erasure makes of weights."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from rece_core.erasing.erase import EncodedConcepts, iterate_erasure, prepare_solvers
from rece_core.erasing.erasure import Part
from rece_core.erasing.measures import measure_drift, measure_forgotten
from rece_core.erasing.preservation import ENOUGH, FREE_SHARES
from rece_core.erasing.settings import ITERATIONS, EditSettings, EraseSettings
from rece_core.models.fingerprint import fingerprint
from rece_core.models.weights import Weight, accumulate_pair_grams
from rece_core.texts.alignment import EncodedText, average_texts
from rece_core.texts.prior import accumulate_prior
from tests.core.random_models import Scene, deviation, make_scene, make_text, randn

WIDTH = 40


def make_case(seed: int = 0) -> Scene:
    """A scene with a prior whose energy lies in few directions, as that of real encoders does."""
    scene = make_scene(seed, WIDTH)
    spread = torch.logspace(1, -3, WIDTH, dtype=torch.float64)
    captions = [EncodedText("caption", randn(seed + 500 + i, 6, WIDTH) * spread, 1) for i in range(30)]
    texts = replace(
        scene.texts, prior=accumulate_prior(captions), exact=(make_text(seed + 600, WIDTH, 2),), preserved=()
    )
    return Scene(scene.weights, scene.gram, texts)


def erase(scene: Scene, settings: EraseSettings) -> Part:
    """What the nodes do, on bare weights."""
    value_erasers, make_solver = prepare_solvers(lambda: scene.weights, scene.gram, scene.texts, settings)
    solver = make_solver()
    results = list(iterate_erasure(scene.gram, scene.texts, settings, solver=solver))
    records = tuple(result.record for result in results)
    return Part(
        solver.operator, settings, records, fingerprint(scene.gram.total), solver.orthogonal_maps, value_erasers
    )


def edited(erasure: Part, weight: Weight) -> Tensor:
    return weight.matrix + erasure.change_of(weight)


@pytest.mark.parametrize("iteration", ITERATIONS)
@pytest.mark.parametrize("seal", [0.0, 0.7])
@pytest.mark.parametrize("mode", ["paper", "prior", "strict", "orthogonal"])
def test_every_mode_fits_every_iteration_and_measures_what_it_did(mode: str, seal: float, iteration: str) -> None:
    scene = make_case()
    settings = EraseSettings(EditSettings(mode=mode), 2, iteration=iteration, seal=seal)
    part = erase(scene, settings)
    assert len(part.records) == 3
    constants = {name: each.constant(seal) for name, each in part.value_erasers.items()}
    pair, _ = accumulate_pair_grams(((weight, edited(part, weight)) for weight in scene.weights), constants)
    texts = scene.texts
    sources, goals = (
        torch.cat(
            [
                text.tokens[text.last_word :][: 6 - target.last_word]
                for text, target in zip(side, texts.targets, strict=True)
            ]
        )
        for side in (texts.targets, texts.anchors)
    )
    found = measure_forgotten(pair, sources, goals)
    last = part.records[-1]
    assert found == pytest.approx(last.forgotten, abs=1e-4)
    assert measure_drift(pair, texts.probes[0].tokens) == pytest.approx(last.drift, abs=1e-4)
    assert all(map(math.isfinite, (last.recoverable, last.norm_ratio, last.drift)))
    if mode != "orthogonal":  # which turns a concept away from where it was, not onto its anchor
        assert part.records[0].forgotten > 0.02


@pytest.mark.parametrize("seal", [0.0, 0.7])
def test_factors_and_changes_are_the_same(seal: float) -> None:
    scene = make_case()
    part = erase(scene, EraseSettings(EditSettings(mode="prior", tokens="last"), 0, seal=seal))
    for weight in scene.weights:
        factors = part.factors_for(weight)
        assert factors is not None
        dense = replace(part, orthogonal_maps={weight.name: torch.eye(len(weight.matrix), dtype=torch.float64)})
        assert dense.factors_for(weight) is None
        assert deviation(factors[0] @ factors[1], dense.change_of(weight)) < 1e-10


def test_strict_holds_exact_texts_and_prior_holds_captions_better_than_paper() -> None:
    scene = make_case()
    exact, probes = (
        scene.texts.exact[0].tokens,
        randn(900, 50, WIDTH) * torch.logspace(1, -3, WIDTH, dtype=torch.float64),
    )

    def move(mode: str, tokens: Tensor) -> float:
        operator = erase(scene, EraseSettings(EditSettings(mode=mode, prior_scale=10), 1)).operator
        return deviation(operator.apply_to_tokens(tokens), tokens)

    assert move("strict", exact) < 1e-9 < 1e-3 < move("prior", exact)
    assert move("strict", probes) < move("paper", probes)
    assert move("prior", probes) < 0.5 * move("paper", probes)


def test_strict_takes_the_strictest_share_that_forgets_enough() -> None:
    """By the measure itself, over all tokens: what the sums give is the same."""
    scene = make_case()
    spread = torch.logspace(1, -3, WIDTH, dtype=torch.float64)  # as what is kept, so that room is scarce
    targets = tuple(replace(each, tokens=each.tokens * spread**0.5) for each in scene.texts.targets)
    scene = Scene(scene.weights, scene.gram, replace(scene.texts, targets=targets))

    def forget(share: float | None) -> float:
        return erase(scene, EraseSettings(EditSettings(mode="strict", free_share=share), 0)).records[0].forgotten

    goal = ENOUGH * erase(scene, EraseSettings(EditSettings(mode="prior"), 0)).records[0].forgotten
    reached = [share for share in FREE_SHARES if forget(share) >= goal]
    assert reached, "control: one of them is enough"
    assert reached[0] > FREE_SHARES[0], "control: the strictest is not"
    assert forget(None) == pytest.approx(forget(reached[0]))


def test_a_mode_that_needs_a_prior_says_so() -> None:
    scene = make_case()
    settings = EraseSettings(EditSettings(mode="prior"), 0)
    without = replace(scene.texts, prior=None)
    with pytest.raises(ValueError, match="mode 'prior' needs a preserve prior"):
        list(iterate_erasure(scene.gram, without, settings))
    other = replace(scene.texts, prior=accumulate_prior([make_text(0, WIDTH + 1)]))
    with pytest.raises(ValueError, match=f"text encoder of width {WIDTH + 1}, but the model reads width {WIDTH}"):
        list(iterate_erasure(scene.gram, other, settings))


def test_contrasts_are_a_concept_each() -> None:
    scene = make_case()
    assert len(scene.texts.contrasts("last")) == 2
    joined = EncodedConcepts(scene.texts.targets, scene.texts.anchors, groups=(0, 0)).contrasts("last")
    assert len(joined) == 1
    assert joined[0].differences.shape == (2, WIDTH)


def test_the_mean_of_several_anchors_stays_in_step_with_their_last_words() -> None:
    short, long = EncodedText("short", randn(1, 6, 4), 1), EncodedText("long", randn(2, 6, 4), 3)
    mean = average_texts([short, long])
    assert mean.last_word == 1
    assert torch.equal(mean.tokens[0], (short.tokens[0] + long.tokens[0]) / 2)
    assert torch.equal(mean.tokens[1:], (short.tokens[1:4] + long.tokens[3:6]) / 2)
    assert average_texts([short]) is short
    with pytest.raises(ValueError, match=r"unequal width \('short': 4, 'wide': 5\)"):
        average_texts([short, EncodedText("wide", randn(3, 6, 5), 0)])
