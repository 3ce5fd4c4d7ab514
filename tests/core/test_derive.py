"""Properties of derived embeddings."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rece_core.algebra.gram import PairGram
from rece_core.algebra.operator import Operator
from rece_core.erasing.derive import Derivation, scaled_derivation_ridge
from rece_core.models.weights import accumulate_gram, accumulate_pair_grams
from tests.core.random_models import deviation, make_operator, make_weights, randn

SEEDS = st.integers(0, 10_000)


@given(SEEDS, st.integers(2, 12))
def test_an_unedited_model_gives_the_concept_back(seed: int, width: int) -> None:
    gram = accumulate_gram(make_weights(seed, width)).total
    pair = PairGram.from_operator(gram, Operator.identity(width))
    concept = randn(seed + 9, 5, width)
    assert deviation(Derivation(pair, 1e3).derive(concept), concept) > 0.1, "control: a large ridge shrinks it"
    assert deviation(Derivation(pair, 1e-12).derive(concept), concept) < 1e-8


@given(SEEDS, st.integers(3, 12))
def test_the_objective_has_no_gradient_at_the_derived_embedding(seed: int, width: int) -> None:
    weights, operator, ridge = make_weights(seed, width), make_operator(seed + 50, width, 2), 0.3
    concept = randn(seed + 9, 4, width)
    pair = PairGram.from_operator(accumulate_gram(weights).total, operator)

    def gradient_at(tokens: torch.Tensor) -> float:
        moved = tokens.clone().requires_grad_()
        loss = ridge * moved.square().sum()
        for weight in weights:
            loss = loss + (moved @ operator.apply_to_weight(weight.matrix).T - concept @ weight.matrix.T).square().sum()
        loss.backward()
        assert moved.grad is not None
        return float(moved.grad.norm())

    before = gradient_at(concept)
    assert before > 0.1, "control"
    assert gradient_at(Derivation(pair, ridge).derive(concept)) < 1e-9 * before


def test_it_brings_the_original_back() -> None:
    """W' c' is close to W c, while W' c is not."""
    weights, operator = make_weights(0, 12), make_operator(50, 12, 3)
    concept = randn(9, 4, 12)
    pair = PairGram.from_operator(accumulate_gram(weights).total, operator)
    derived = Derivation(pair, 1e-9).derive(concept)
    for weight in weights:
        edited, wanted = operator.apply_to_weight(weight.matrix), concept @ weight.matrix.T
        assert deviation(concept @ edited.T, wanted) > 0.1, "control"
        assert deviation(derived @ edited.T, wanted) < 1e-6


def test_a_ridge_of_zero_where_the_system_is_singular() -> None:
    thin = make_weights(0, 12, heights=(3, 4))
    pair, _ = accumulate_pair_grams((weight, weight.matrix) for weight in thin)
    Derivation(pair, 1e-6)  # control: a small one is enough
    with pytest.raises(ValueError, match=r"derivation ridge is 0, .* singular .* Raise the derivation ridge"):
        Derivation(pair, 0.0)


def test_a_relative_ridge_grows_with_the_weights() -> None:
    gram = accumulate_gram(make_weights(0, 12)).total
    assert scaled_derivation_ridge(0.1, gram, "absolute") == 0.1
    assert scaled_derivation_ridge(0.1, 9 * gram, "relative") == pytest.approx(0.9 * float(gram.diagonal().mean()))


def test_tokens_of_any_type_are_left_as_they_are() -> None:
    pair = PairGram.from_operator(accumulate_gram(make_weights(0, 12)).total, make_operator(1, 12, 2))
    tokens = randn(9, 4, 12).half()
    before = tokens.clone()
    with torch.inference_mode():
        derived = Derivation(pair, 0.1).derive(tokens)
    assert derived.dtype == torch.float64
    assert torch.equal(tokens, before)
