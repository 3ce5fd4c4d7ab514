"""The value projection: theorems on random layers, through real attention with several heads."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rece_core.algebra.gram import PairGram, SealGram, Weight, accumulate_gram, accumulate_pair_grams
from rece_core.algebra.operator import Operator
from rece_core.erasing.measures import measure_drift
from rece_core.erasing.seal import Contrast, Seal, find_seals
from rece_core.texts.prior import Prior, accumulate_prior
from tests.core.random_models import deviation, make_operator, make_text, make_weights, randn

WIDTH, HEIGHT, HEADS = 16, 12, 3


def make_prior(seed: int) -> Prior:
    return accumulate_prior([make_text(seed + i, WIDTH) for i in range(8)])


def make_contrasts(seed: int, count: int = 1) -> list[Contrast]:
    return [Contrast(randn(seed + i, 5, WIDTH), randn(seed + 50 + i, WIDTH)) for i in range(count)]


def make_seal(seed: int, count: int = 1, caution: float = 0.5) -> tuple[Tensor, Seal, SealGram]:
    """A value projection, its seal, and the seal's Gram matrices."""
    matrix = randn(seed, HEIGHT, WIDTH)
    weight = Weight("to_v", "value", matrix)
    seals, gram = find_seals([weight], make_contrasts(seed + 100, count), make_prior(seed + 200), caution, 1.0)
    return matrix, seals["to_v"], gram


def apply_seal(matrix: Tensor, seal: Seal, strength: float = 1.0) -> Tensor:
    up, down = seal.change_of(matrix, strength)
    return matrix + up @ down


def attend(values: Tensor, logits: Tensor) -> Tensor:
    """Several heads, each mixing its part of the `values` (m, d_v) by weights of its own; (n, d_v)."""
    parts = values.reshape(len(values), HEADS, -1)
    return torch.einsum("hnm,mhc->nhc", logits.softmax(-1), parts).flatten(1)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 2), st.sampled_from([0.0, 0.5, 0.99]))
def test_no_input_can_produce_what_is_sealed(seed: int, count: int, caution: float) -> None:
    matrix, seal, _ = make_seal(seed, count, caution)
    inputs = 100 * randn(seed + 1, 50, WIDTH)
    assert float((inputs @ matrix.T @ seal.read).norm()) > 1, "control"
    assert float((inputs @ apply_seal(matrix, seal).T @ seal.read).norm()) < 1e-8


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 2))
def test_inputs_that_read_as_the_anchor_pass_through_attention_unchanged(seed: int, count: int) -> None:
    matrix, seal, _ = make_seal(seed, count)
    output, bias = randn(seed + 2, HEIGHT, HEIGHT), randn(seed + 3, HEIGHT)
    reading = seal.read.T @ matrix
    inputs = randn(seed + 4, 7, WIDTH)
    kept = inputs + (seal.level - inputs @ reading.T) @ torch.linalg.pinv(reading).T
    logits = randn(seed + 5, HEADS, 4, 7)
    for tokens, alike in ((kept, True), (inputs, False)):
        before = attend(tokens @ matrix.T, logits) @ output.T + bias
        changed = attend(tokens @ apply_seal(matrix, seal).T, logits) @ output.T
        after = changed + bias + seal.bias_change(output, 1.0)
        assert (deviation(after, before) < 1e-10) is alike


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 2), st.floats(0.1, 1))
def test_the_bias_is_a_constant_beside_every_value(seed: int, count: int, strength: float) -> None:
    """Exactly where the attention's rows sum to 1: so drift counts it as one."""
    matrix, seal, _ = make_seal(seed, count)
    output, inputs, logits = randn(seed + 2, HEIGHT, HEIGHT), randn(seed + 4, 7, WIDTH), randn(seed + 5, HEADS, 4, 7)
    values = inputs @ apply_seal(matrix, seal, strength).T
    beside = attend(values + seal.constant(strength), logits) @ output.T
    behind = attend(values, logits) @ output.T + seal.bias_change(output, strength)
    assert deviation(behind, beside) < 1e-10
    assert deviation(attend(values, logits) @ output.T, beside) > 1e-3, "control"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 2))
def test_what_reads_as_the_anchor_does_not_drift(seed: int, count: int) -> None:
    matrix, seal, sealed = make_seal(seed, count)
    reading = seal.read.T @ matrix
    inputs = randn(seed + 4, 7, WIDTH)
    kept = inputs + (seal.level - inputs @ reading.T) @ torch.linalg.pinv(reading).T
    pair = PairGram.from_sealed_operator(matrix.T @ matrix, Operator.identity(WIDTH), sealed)
    assert measure_drift(pair, kept) < 1e-6 < 1e-2 < measure_drift(pair, inputs)
    assert measure_drift(replace(pair, constant=None), kept) > 1e-2, "control: the weights alone do move them"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_the_concept_is_taken_to_its_anchor(seed: int) -> None:
    """One pair of tokens: sealed, the concept's value is the anchor's."""
    matrix, concept, anchor = randn(seed, HEIGHT, WIDTH), randn(seed + 1, WIDTH), randn(seed + 2, WIDTH)
    contrast = Contrast((concept - anchor)[None], anchor)
    seals, _ = find_seals([Weight("v", "value", matrix)], [contrast], make_prior(seed + 3), 0.5, 1.0)
    seal = seals["v"]
    value = apply_seal(matrix, seal) @ concept + seal.write @ seal.level
    assert deviation(value, matrix @ anchor) < 1e-9
    assert deviation(matrix @ concept, matrix @ anchor) > 0.1, "control"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 5, 14, 40]))
def test_what_is_sealed_leads_among_the_values_of_the_concept(seed: int, tokens: int) -> None:
    """However many tokens: fewer than values have numbers, fewer than embeddings have, or more than both."""
    matrix, apart = randn(seed, HEIGHT, WIDTH), randn(seed + 1, tokens, WIDTH)
    contrast = Contrast(apart, randn(seed + 2, WIDTH))
    seal = find_seals([Weight("v", "value", matrix)], [contrast], make_prior(seed + 3), 0.5, 1.0)[0]["v"]
    lead = torch.linalg.svd(apart @ matrix.T).Vh[0]
    assert float((seal.write[:, 0] @ lead).abs()) == pytest.approx(1, abs=1e-9)


def project(seal: Seal) -> Tensor:
    """What the seal does to values, whichever basis it is written in: δ wᵀ, and the constant δ wᵀ v_a beside it."""
    return torch.cat([seal.write @ seal.read.T, (seal.write @ seal.level)[:, None]], 1)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1e-3))
def test_what_says_nearly_the_same_is_sealed_once(seed: int, apart: float) -> None:
    """Told apart, two nearly equal directions would read mostly their difference, and tear up everything else."""
    weight, prior = Weight("v", "value", randn(seed, HEIGHT, WIDTH)), make_prior(seed + 1)
    concept = make_contrasts(seed + 2)[0]
    like_it = Contrast(concept.apart + apart * randn(seed + 3, 5, WIDTH), concept.anchor + apart * randn(seed, WIDTH))
    once, twice = (find_seals([weight], each, prior, 0.5, 1.0)[0]["v"] for each in ([concept], [concept, like_it]))
    assert twice.write.shape == once.write.shape == (HEIGHT, 1)
    assert deviation(project(twice), project(once)) < 1e-9 + 20 * apart


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_every_concept_of_several_is_sealed_whatever_else_is_alike(seed: int) -> None:
    matrix, prior = randn(seed, HEIGHT, WIDTH), make_prior(seed + 1)
    concepts = make_contrasts(seed + 2, 3)
    seal = find_seals([Weight("v", "value", matrix)], [*concepts, *concepts, concepts[0]], prior, 0.5, 1.0)[0]["v"]
    assert seal.write.shape[1] <= 3
    for concept in concepts:
        toward = torch.linalg.svd(concept.apart @ matrix.T).Vh[0]
        assert float((seal.write.T @ toward).square().sum()) >= 0.9
    assert deviation(seal.read.T @ seal.write, torch.eye(seal.write.shape[1], dtype=torch.float64)) < 1e-9


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_each_concept_is_read_between_its_own_anchor_and_what_is_kept(seed: int) -> None:
    """Where directions are as many as concepts; where one serves two alike, it is read as the mean of both anchors."""
    matrix, prior = randn(seed, HEIGHT, WIDTH), make_prior(seed + 1)
    first, second = make_contrasts(seed + 2, 2)
    weight = Weight("v", "value", matrix)
    seal = find_seals([weight], [first, second], prior, 0.5, 1.0)[0]["v"]
    if seal.write.shape[1] == 2:
        toward = torch.stack([torch.linalg.svd(each.apart @ matrix.T).Vh[0] for each in (first, second)], 1)
        own = torch.linalg.inv(seal.write.T @ toward)
        levels = [prior.mean + (each.anchor - prior.mean) / 2**0.5 for each in (first, second)]
        between = matrix @ torch.stack(levels, 1)
        assert deviation(own @ seal.level, (own @ seal.read.T @ between).diagonal()) < 1e-9
    alike = Contrast(first.apart, second.anchor)
    seal = find_seals([weight], [first, alike], prior, 0.5, 1.0)[0]["v"]
    assert deviation(seal.level, seal.read.T @ matrix @ (first.anchor + second.anchor) / 2) < 1e-9


def test_a_long_list_is_not_read_into_every_text() -> None:
    """Anchors far from what is kept, each along a direction of its own: their levels do not add up in all texts."""
    matrix, prior = randn(1, HEIGHT, WIDTH), make_prior(2)
    concepts = [Contrast(each.apart, 5 * each.anchor) for each in make_contrasts(3, 8)]
    seal = find_seals([Weight("v", "value", matrix)], concepts, prior, 0.5, 1.0)[0]["v"]
    usual = seal.read.T @ matrix @ prior.mean
    farthest = max(float((seal.read.T @ matrix @ each.anchor - usual).norm()) for each in concepts)
    assert seal.write.shape[1] > 4, "control: it is many directions"
    assert float((seal.level - usual).norm()) < 0.5 * farthest


def test_caution_spares_what_is_kept() -> None:
    """The mean square of what the seal moves over the prior falls, as the discriminant takes the prior into account."""
    moved = []
    for caution in (0.0, 0.5, 0.9, 0.999):
        matrix, seal, _ = make_seal(3, caution=caution)
        prior, contrast = make_prior(203), make_contrasts(103)[0]
        cross = torch.outer(contrast.anchor, prior.mean)
        about = prior.moment - cross - cross.T + torch.outer(contrast.anchor, contrast.anchor)
        read = seal.read.T @ matrix
        moved.append(float((read @ about @ read.T * (seal.write.T @ seal.write)).sum()))
    assert moved == sorted(moved, reverse=True)
    assert moved[-1] < 0.9 * moved[0]


@pytest.mark.parametrize("strength", [1.0, 0.3])
@pytest.mark.parametrize("operator", [Operator.identity(WIDTH), make_operator(5, WIDTH, 3)])
def test_its_gram_matrices_are_those_of_the_weights(strength: float, operator: Operator) -> None:
    weights = make_weights(1, WIDTH)
    contrasts, prior = make_contrasts(7, 2), make_prior(8)
    seals, sealed = find_seals(weights, contrasts, prior, 0.5, strength)
    assert set(seals) == {weight.name for weight in weights if weight.role == "value"}

    def edit(weight: Weight) -> Tensor:
        moved = weight.matrix @ operator.matrix()
        return apply_seal(moved, seals[weight.name], strength) if weight.name in seals else moved

    gram = accumulate_gram(weights)
    constants = {name: seal.constant(strength) for name, seal in seals.items()}
    expected = accumulate_pair_grams(((weight, edit(weight)) for weight in weights), constants)
    tokens = randn(9, 4, WIDTH)
    for whole, pair in zip((gram.total, gram.values), expected, strict=True):
        found = PairGram.from_sealed_operator(whole, operator, sealed)
        assert deviation(found.edited(), pair.edited()) < 1e-9
        assert deviation(found.pull_back(tokens), pair.pull_back(tokens)) < 1e-9
        assert deviation(found.change, pair.change) < 1e-9
        assert found.constant is not None
        assert pair.constant is not None
        assert deviation(found.constant.original, pair.constant.original) < 1e-9
        assert deviation(found.constant.change, pair.constant.change) < 1e-9
        assert found.constant.size == pytest.approx(pair.constant.size)
