"""The engine against oracles that share nothing with it: the equations written out, and least squares."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.literal import LiteralTask, SumOuter, erase, sum_outer_by_product, sum_outer_by_token
from rece_core.algebra.gram import PairGram
from rece_core.erasing.derive import Derivation
from rece_core.erasing.edit import solve_edit
from rece_core.erasing.erase import iterate_erasure
from rece_core.erasing.settings import EditSettings, EraseSettings
from rece_core.models.weights import accumulate_gram, accumulate_pair_grams
from rece_core.texts.alignment import align
from tests.core.random_models import Scene, deviation, make_operator, make_scene, make_weights, randn, unit

SEEDS = st.integers(0, 10_000)
SETTINGS = EraseSettings(EditSettings(erase_scale=0.7, preserve_scale=0.3, ridge=0.2), epochs=2, derivation_ridge=0.05)


def literal_task(scene: Scene, settings: EraseSettings) -> LiteralTask:
    edit, texts = settings.edit, scene.texts
    both = list(zip(texts.targets, texts.anchors, strict=True))
    preserved = [text.tokens for text in texts.preserved]
    return LiteralTask(
        pairs=[align(concept, anchor, edit.tokens) for concept, anchor in both],
        whole=[(concept.tokens, anchor.tokens) for concept, anchor in both],
        preserved=preserved,
        preserved_in_epochs=preserved,
        erase_scale=edit.erase_scale,
        preserve_scale=edit.preserve_scale,
        ridge=edit.ridge,
        derivation_ridge=settings.derivation_ridge,
        epochs=settings.epochs,
    )


@pytest.mark.parametrize("sum_outer", [sum_outer_by_product, sum_outer_by_token])
@pytest.mark.parametrize("targets", [1, 3])
def test_the_whole_loop_layer_by_layer(sum_outer: SumOuter, targets: int) -> None:
    scene = make_scene(seed=5, targets=targets)
    edited = [weight.matrix.clone() for weight in scene.weights]
    found = erase(edited, literal_task(scene, SETTINGS), sum_outer)
    results = list(iterate_erasure(scene.gram, scene.texts, SETTINGS))
    for weight, expected in zip(scene.weights, edited, strict=True):
        assert deviation(weight.matrix, expected) > 0.1, "control: the erasure changes this weight"
        assert deviation(results[-1].operator.apply_to_weight(weight.matrix), expected) < 1e-8
    for result, expected_of_epoch in zip(results, found, strict=False):
        for derived, expected in zip(result.derived, expected_of_epoch, strict=True):
            assert deviation(derived, expected) < 1e-8


@given(SEEDS, st.integers(2, 9), st.integers(1, 14), st.integers(0, 5))
def test_an_edit_solves_the_stacked_least_squares_problem(seed: int, width: int, count: int, kept: int) -> None:
    sources, anchors, preserved = randn(seed, count, width), randn(seed + 1, count, width), randn(seed + 2, kept, width)
    weight = randn(seed + 3, 5, width)
    settings = EditSettings(erase_scale=0.8, preserve_scale=0.4, ridge=0.3)
    rows = torch.cat([0.8**0.5 * sources, 0.4**0.5 * preserved, 0.3**0.5 * unit(width)])
    goals = torch.cat([0.8**0.5 * anchors, 0.4**0.5 * preserved, 0.3**0.5 * unit(width)])
    expected = torch.linalg.lstsq(rows, goals @ weight.T, driver="gelsd").solution.T
    operator = solve_edit(sources, anchors, preserved.T @ preserved, settings)
    assert deviation(operator.apply_to_weight(weight), expected) < 1e-9


@given(SEEDS, st.integers(2, 9), st.sampled_from([1e-6, 0.1, 10.0]), st.booleans())
def test_a_derivation_solves_the_stacked_least_squares_problem(
    seed: int, width: int, ridge: float, any_pair: bool
) -> None:
    weights, operator = make_weights(seed, width), make_operator(seed + 50, width, 2)
    if any_pair:
        edited = [randn(seed + 60 + i, *weight.matrix.shape) for i, weight in enumerate(weights)]
        pair, _ = accumulate_pair_grams(zip(weights, edited, strict=True))
    else:
        edited = [operator.apply_to_weight(weight.matrix) for weight in weights]
        pair = PairGram.from_operator(accumulate_gram(weights).total, operator)
    concept = randn(seed + 70, 3, width)
    rows = torch.cat([*edited, ridge**0.5 * unit(width)])
    goals = torch.cat([*(weight.matrix for weight in weights), torch.zeros(width, width)]) @ concept.T
    expected = torch.linalg.lstsq(rows, goals, driver="gelsd").solution.T
    assert deviation(Derivation(pair, ridge).derive(concept), expected) < 1e-7
