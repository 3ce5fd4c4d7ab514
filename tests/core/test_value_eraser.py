"""The value projection: theorems on random layers, through real attention with several heads."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rece_core.algebra.gram import PairGram, ProjectionGram
from rece_core.algebra.operator import Operator
from rece_core.erasing.measures import measure_drift
from rece_core.erasing.value_eraser import Contrast, ValueEraser, find_value_erasers
from rece_core.models.weights import Weight, accumulate_gram, accumulate_pair_grams
from rece_core.texts.prior import Prior, accumulate_prior
from tests.core.random_models import deviation, make_operator, make_text, make_weights, randn

WIDTH, HEIGHT, HEADS = 16, 12, 3


def make_prior(seed: int) -> Prior:
    return accumulate_prior([make_text(seed + i, WIDTH) for i in range(8)])


def make_contrasts(seed: int, count: int = 1) -> list[Contrast]:
    return [Contrast(randn(seed + i, 5, WIDTH), randn(seed + 50 + i, WIDTH)) for i in range(count)]


def make_eraser(seed: int, count: int = 1, shrinkage: float = 0.5) -> tuple[Tensor, ValueEraser, ProjectionGram]:
    """A value projection, its eraser, and its Gram matrices."""
    matrix = randn(seed, HEIGHT, WIDTH)
    weight = Weight("to_v", "value", matrix)
    value_erasers, gram = find_value_erasers(
        [weight], make_contrasts(seed + 100, count), make_prior(seed + 200), shrinkage, 1.0
    )
    return matrix, value_erasers["to_v"], gram


def apply_eraser(matrix: Tensor, eraser: ValueEraser, strength: float = 1.0) -> Tensor:
    up, down = eraser.change_of(matrix, strength)
    return matrix + up @ down


def attend(values: Tensor, logits: Tensor) -> Tensor:
    """Several heads, each mixing its part of the `values` (m, d_v) by weights of its own; (n, d_v)."""
    parts = values.reshape(len(values), HEADS, -1)
    return torch.einsum("hnm,mhc->nhc", logits.softmax(-1), parts).flatten(1)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 2), st.sampled_from([1.0, 0.5, 0.01]))
def test_no_input_can_produce_what_is_erased(seed: int, count: int, shrinkage: float) -> None:
    matrix, eraser, _ = make_eraser(seed, count, shrinkage)
    inputs = 100 * randn(seed + 1, 50, WIDTH)
    assert float((inputs @ matrix.T @ eraser.project_right).norm()) > 1, "control"
    assert float((inputs @ apply_eraser(matrix, eraser).T @ eraser.project_right).norm()) < 1e-8


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 2))
def test_inputs_that_read_as_the_anchor_pass_through_attention_unchanged(seed: int, count: int) -> None:
    matrix, eraser, _ = make_eraser(seed, count)
    output, bias = randn(seed + 2, HEIGHT, HEIGHT), randn(seed + 3, HEIGHT)
    reading = eraser.project_right.T @ matrix
    inputs = randn(seed + 4, 7, WIDTH)
    kept = inputs + (eraser.target - inputs @ reading.T) @ torch.linalg.pinv(reading).T
    logits = randn(seed + 5, HEADS, 4, 7)
    for tokens, alike in ((kept, True), (inputs, False)):
        before = attend(tokens @ matrix.T, logits) @ output.T + bias
        changed = attend(tokens @ apply_eraser(matrix, eraser).T, logits) @ output.T
        after = changed + bias + eraser.bias_change(output, 1.0)
        assert (deviation(after, before) < 1e-10) is alike


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 2), st.floats(0.1, 1))
def test_the_bias_is_a_constant_beside_every_value(seed: int, count: int, strength: float) -> None:
    """Exactly where the attention's rows sum to 1: so drift counts it as one."""
    matrix, eraser, _ = make_eraser(seed, count)
    output, inputs, logits = randn(seed + 2, HEIGHT, HEIGHT), randn(seed + 4, 7, WIDTH), randn(seed + 5, HEADS, 4, 7)
    values = inputs @ apply_eraser(matrix, eraser, strength).T
    beside = attend(values + eraser.constant(strength), logits) @ output.T
    behind = attend(values, logits) @ output.T + eraser.bias_change(output, strength)
    assert deviation(behind, beside) < 1e-10
    assert deviation(attend(values, logits) @ output.T, beside) > 1e-3, "control"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 2))
def test_what_reads_as_the_anchor_does_not_drift(seed: int, count: int) -> None:
    matrix, eraser, erasers = make_eraser(seed, count)
    reading = eraser.project_right.T @ matrix
    inputs = randn(seed + 4, 7, WIDTH)
    kept = inputs + (eraser.target - inputs @ reading.T) @ torch.linalg.pinv(reading).T
    pair = PairGram.from_operator_and_projections(matrix.T @ matrix, Operator.identity(WIDTH), erasers)
    assert measure_drift(pair, kept) < 1e-6 < 1e-5 < measure_drift(pair, inputs)
    assert measure_drift(replace(pair, constant=None), kept) > 1e-5, "control: the weights alone do move them"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_the_concept_is_taken_to_its_anchor(seed: int) -> None:
    """One pair of tokens: with the eraser, the concept's value is the anchor's."""
    matrix, concept, anchor = randn(seed, HEIGHT, WIDTH), randn(seed + 1, WIDTH), randn(seed + 2, WIDTH)
    contrast = Contrast((concept - anchor)[None], anchor)
    value_erasers, _ = find_value_erasers([Weight("v", "value", matrix)], [contrast], make_prior(seed + 3), 0.5, 1.0)
    eraser = value_erasers["v"]
    value = apply_eraser(matrix, eraser) @ concept + eraser.project_left @ eraser.target
    assert deviation(value, matrix @ anchor) < 1e-9
    assert deviation(matrix @ concept, matrix @ anchor) > 0.1, "control"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 5, 14, 40]))
def test_what_is_erased_leads_among_the_values_of_the_concept(seed: int, tokens: int) -> None:
    """However many tokens: fewer than values have numbers, fewer than embeddings have, or more than both."""
    matrix, differences = randn(seed, HEIGHT, WIDTH), randn(seed + 1, tokens, WIDTH)
    contrast = Contrast(differences, randn(seed + 2, WIDTH))
    eraser = find_value_erasers([Weight("v", "value", matrix)], [contrast], make_prior(seed + 3), 0.5, 1.0)[0]["v"]
    lead = torch.linalg.svd(differences @ matrix.T).Vh[0]
    assert float((eraser.project_left[:, 0] @ lead).abs()) == pytest.approx(1, abs=1e-9)


def project(eraser: ValueEraser) -> Tensor:
    """What the eraser does to values, whichever basis it is written in: δ wᵀ, and the constant δ wᵀ v_a beside it."""
    return torch.cat([eraser.project_left @ eraser.project_right.T, (eraser.project_left @ eraser.target)[:, None]], 1)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1e-3))
def test_what_says_nearly_the_same_is_erased_once(seed: int, distance: float) -> None:
    """Kept separate, two nearly equal directions would read mostly their difference, and tear up everything else."""
    weight, prior = Weight("v", "value", randn(seed, HEIGHT, WIDTH)), make_prior(seed + 1)
    concept = make_contrasts(seed + 2)[0]
    like_it = Contrast(
        concept.differences + distance * randn(seed + 3, 5, WIDTH), concept.anchor + distance * randn(seed, WIDTH)
    )
    once, twice = (
        find_value_erasers([weight], each, prior, 0.5, 1.0)[0]["v"] for each in ([concept], [concept, like_it])
    )
    assert twice.project_left.shape == once.project_left.shape == (HEIGHT, 1)
    assert deviation(project(twice), project(once)) < 1e-9 + 20 * distance


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_every_concept_of_several_is_erased_whatever_else_is_alike(seed: int) -> None:
    matrix, prior = randn(seed, HEIGHT, WIDTH), make_prior(seed + 1)
    concepts = make_contrasts(seed + 2, 3)
    eraser = find_value_erasers([Weight("v", "value", matrix)], [*concepts, *concepts, concepts[0]], prior, 0.5, 1.0)[
        0
    ]["v"]
    assert eraser.project_left.shape[1] <= 3
    for concept in concepts:
        toward = torch.linalg.svd(concept.differences @ matrix.T).Vh[0]
        assert float((eraser.project_left.T @ toward).square().sum()) >= 0.9
    assert (
        deviation(
            eraser.project_right.T @ eraser.project_left, torch.eye(eraser.project_left.shape[1], dtype=torch.float64)
        )
        < 1e-9
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_each_concept_is_read_between_its_own_anchor_and_what_is_kept(seed: int) -> None:
    """Where directions are as many as concepts; where one serves two alike, it is read as the mean of both anchors."""
    matrix, prior = randn(seed, HEIGHT, WIDTH), make_prior(seed + 1)
    first, second = make_contrasts(seed + 2, 2)
    weight = Weight("v", "value", matrix)
    eraser = find_value_erasers([weight], [first, second], prior, 0.5, 1.0)[0]["v"]
    if eraser.project_left.shape[1] == 2:
        toward = torch.stack([torch.linalg.svd(each.differences @ matrix.T).Vh[0] for each in (first, second)], 1)
        own = torch.linalg.inv(eraser.project_left.T @ toward)
        levels = [prior.mean + (each.anchor - prior.mean) / 2**0.5 for each in (first, second)]
        between = matrix @ torch.stack(levels, 1)
        assert deviation(own @ eraser.target, (own @ eraser.project_right.T @ between).diagonal()) < 1e-9
    alike = Contrast(first.differences, second.anchor)
    eraser = find_value_erasers([weight], [first, alike], prior, 0.5, 1.0)[0]["v"]
    assert deviation(eraser.target, eraser.project_right.T @ matrix @ (first.anchor + second.anchor) / 2) < 1e-9


def test_a_long_list_is_not_read_into_every_text() -> None:
    """Anchors far from what is kept, each along a direction of its own: their levels do not add up in all texts."""
    matrix, prior = randn(1, HEIGHT, WIDTH), make_prior(2)
    concepts = [Contrast(each.differences, 5 * each.anchor) for each in make_contrasts(3, 8)]
    eraser = find_value_erasers([Weight("v", "value", matrix)], concepts, prior, 0.5, 1.0)[0]["v"]
    usual = eraser.project_right.T @ matrix @ prior.mean
    farthest = max(float((eraser.project_right.T @ matrix @ each.anchor - usual).norm()) for each in concepts)
    assert eraser.project_left.shape[1] > 4, "control: it is many directions"
    assert float((eraser.target - usual).norm()) < 0.5 * farthest


def test_less_shrinkage_spares_what_is_kept() -> None:
    """The mean square that the eraser moves over the prior falls, as the discriminant takes the prior into account."""
    moved = []
    for shrinkage in (1.0, 0.5, 0.1, 0.001):
        matrix, eraser, _ = make_eraser(3, shrinkage=shrinkage)
        prior, contrast = make_prior(203), make_contrasts(103)[0]
        cross = torch.outer(contrast.anchor, prior.mean)
        about = prior.moment - cross - cross.T + torch.outer(contrast.anchor, contrast.anchor)
        read = eraser.project_right.T @ matrix
        moved.append(float((read @ about @ read.T * (eraser.project_left.T @ eraser.project_left)).sum()))
    assert moved == sorted(moved, reverse=True)
    assert moved[-1] < 0.9 * moved[0]


@pytest.mark.parametrize("strength", [1.0, 0.3])
@pytest.mark.parametrize("operator", [Operator.identity(WIDTH), make_operator(5, WIDTH, 3)])
def test_its_gram_matrices_are_those_of_the_weights(strength: float, operator: Operator) -> None:
    weights = make_weights(1, WIDTH)
    contrasts, prior = make_contrasts(7, 2), make_prior(8)
    value_erasers, erasers = find_value_erasers(weights, contrasts, prior, 0.5, strength)
    assert set(value_erasers) == {weight.name for weight in weights if weight.role == "value"}

    def edit(weight: Weight) -> Tensor:
        moved = weight.matrix @ operator.matrix()
        return apply_eraser(moved, value_erasers[weight.name], strength) if weight.name in value_erasers else moved

    gram = accumulate_gram(weights)
    constants = {name: eraser.constant(strength) for name, eraser in value_erasers.items()}
    expected = accumulate_pair_grams(((weight, edit(weight)) for weight in weights), constants)
    tokens = randn(9, 4, WIDTH)
    for whole, pair in zip((gram.total, gram.values), expected, strict=True):
        found = PairGram.from_operator_and_projections(whole, operator, erasers)
        assert deviation(found.edited(), pair.edited()) < 1e-9
        assert deviation(found.pull_back(tokens), pair.pull_back(tokens)) < 1e-9
        assert deviation(found.change, pair.change) < 1e-9
        assert found.constant is not None
        assert pair.constant is not None
        assert deviation(found.constant.original, pair.constant.original) < 1e-9
        assert deviation(found.constant.change, pair.constant.change) < 1e-9
        assert found.constant.size == pytest.approx(pair.constant.size)
