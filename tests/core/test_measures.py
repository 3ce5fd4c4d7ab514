"""The measures against the sums they stand for, and at the ends of their scales."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rece_core.algebra.gram import PairGram
from rece_core.algebra.operator import Operator
from rece_core.erasing.derive import Derivation
from rece_core.erasing.measures import (
    measure_drift,
    measure_forgotten,
    measure_norm_ratio,
    measure_recoverable,
    measure_share_changed,
)
from rece_core.models.text_entries import TextEntry
from rece_core.models.weights import Weight, accumulate_gram, accumulate_pair_grams
from tests.core.random_models import make_operator, make_weights, randn

WIDTH = 12
WEIGHTS = make_weights(0, WIDTH)
VALUES = WEIGHTS[1::2]
GRAM = accumulate_gram(WEIGHTS)
CONCEPTS, ANCHORS, PROBES = (randn(seed, 3, WIDTH) for seed in (91, 92, 93))
UNEDITED = PairGram.from_operator(GRAM.total, Operator.identity(WIDTH))
UNEDITED_VALUES = PairGram.from_operator(GRAM.values, Operator.identity(WIDTH))


def scale(operator: Operator, strength: float) -> Operator:
    """I + strength (M − I)."""
    return Operator(operator.left * strength, operator.right)


def replacement() -> Operator:
    """An operator that takes every concept token exactly onto its anchor."""
    return Operator((ANCHORS - CONCEPTS).T, torch.linalg.pinv(CONCEPTS))


@given(st.integers(0, 10_000), st.integers(0, 5), st.sampled_from(["operator", "pair", "pair and biases"]))
def test_measures_are_the_sums_over_the_weights(seed: int, rank: int, kind: str) -> None:
    operator = make_operator(seed, WIDTH, rank)
    edited = [operator.apply_to_weight(weight.matrix) for weight in WEIGHTS]
    heights = [len(weight.matrix) for weight in WEIGHTS]
    biased = kind == "pair and biases"
    biases = [randn(seed + i, height) * (biased and i % 2) for i, height in enumerate(heights)]  # of values alone
    if kind != "operator":
        constants = {w.name: bias for w, bias in zip(WEIGHTS, biases, strict=True) if bool(bias.any())}
        pair, values = accumulate_pair_grams(zip(WEIGHTS, edited, strict=True), constants)
    else:
        pair, values = (PairGram.from_operator(gram, operator) for gram in (GRAM.total, GRAM.values))
    derived = randn(seed + 9, 3, WIDTH)

    def squares(left: list[Tensor], right: list[Tensor]) -> float:
        return sum(float((x - y).square().sum()) for x, y in zip(left, right, strict=True))

    before = [CONCEPTS @ weight.matrix.T for weight in WEIGHTS]
    after = [CONCEPTS @ matrix.T + bias for matrix, bias in zip(edited, biases, strict=True)]
    wanted = [ANCHORS @ weight.matrix.T for weight in WEIGHTS]
    expected = 1 - squares(after, wanted) / squares(before, wanted)
    assert measure_forgotten(pair, CONCEPTS, ANCHORS) == pytest.approx(expected, rel=1e-9, abs=1e-9)

    kept = [PROBES @ weight.matrix.T for weight in WEIGHTS]
    moved = squares([PROBES @ matrix.T + bias for matrix, bias in zip(edited, biases, strict=True)], kept)
    expected = math.sqrt(moved / squares(kept, [torch.zeros_like(each) for each in kept]))
    assert measure_drift(pair, PROBES) == pytest.approx(expected, rel=1e-9, abs=1e-9)

    directions = [(CONCEPTS - ANCHORS) @ weight.matrix.T for weight in VALUES]
    after = [derived @ matrix.T + bias for matrix, bias in zip(edited[1::2], biases[1::2], strict=True)]
    added = [new - ANCHORS @ w.matrix.T for w, new in zip(VALUES, after, strict=True)]
    slope = sum(float((t * x).sum()) for t, x in zip(directions, added, strict=True))
    expected = slope / sum(float(t.square().sum()) for t in directions)
    assert measure_recoverable(values, CONCEPTS, ANCHORS, derived) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_forgotten_is_0_before_and_1_after_an_exact_replacement() -> None:
    assert measure_forgotten(UNEDITED, CONCEPTS, ANCHORS) == 0
    replaced = PairGram.from_operator(GRAM.total, replacement())
    assert measure_forgotten(replaced, CONCEPTS, ANCHORS) == pytest.approx(1, abs=1e-12)


def test_forgotten_is_below_0_where_the_concept_moved_away_from_its_anchor() -> None:
    away = PairGram.from_operator(GRAM.total, scale(replacement(), -1))
    assert measure_forgotten(away, CONCEPTS, ANCHORS) == pytest.approx(-3, abs=1e-9)


def test_everything_is_recoverable_from_a_model_that_was_not_edited() -> None:
    derived = Derivation(UNEDITED, 0.0).derive(CONCEPTS)
    assert measure_recoverable(UNEDITED_VALUES, CONCEPTS, ANCHORS, derived) == pytest.approx(1, abs=1e-9)
    assert measure_norm_ratio(CONCEPTS, derived) == pytest.approx(1, abs=1e-9)
    assert measure_recoverable(UNEDITED_VALUES, CONCEPTS, ANCHORS, ANCHORS) == pytest.approx(0, abs=1e-12)


def test_an_invertible_edit_hides_the_words_and_keeps_the_way_back() -> None:
    """The replacement forgets, but another embedding reaches what the words no longer do: why measure both."""
    operator = scale(replacement(), 0.98)
    pair, values = (PairGram.from_operator(gram, operator) for gram in (GRAM.total, GRAM.values))
    assert measure_forgotten(pair, CONCEPTS, ANCHORS) > 0.99
    assert measure_recoverable(values, CONCEPTS, ANCHORS, CONCEPTS) < 0.05
    derived = Derivation(pair, 1e-9).derive(CONCEPTS)
    assert measure_recoverable(values, CONCEPTS, ANCHORS, derived) > 0.99


def test_nothing_is_recoverable_where_value_space_lost_the_direction() -> None:
    """Values projected off W_v c, with an anchor of nothing: no embedding can bring it back."""
    concept, nothing = CONCEPTS[:1], torch.zeros(1, WIDTH, dtype=torch.float64)
    edited = []
    for weight in WEIGHTS:
        direction = concept @ weight.matrix.T / (concept @ weight.matrix.T).norm()
        edited.append(weight.matrix - direction.T @ (direction @ weight.matrix))
    pair, values = accumulate_pair_grams(zip(WEIGHTS, edited, strict=True))
    for embedding in (concept, randn(5, 1, WIDTH), Derivation(pair, 1e-6).derive(concept)):
        assert measure_recoverable(values, concept, nothing, embedding) == pytest.approx(0, abs=1e-8)
    assert measure_recoverable(UNEDITED_VALUES, concept, nothing, concept) == pytest.approx(1), "control"


def test_drift_is_0_before_any_edit_and_only_outside_of_what_is_kept() -> None:
    assert measure_drift(UNEDITED, PROBES) == 0
    same = [(weight, weight.matrix) for weight in WEIGHTS]
    assert measure_drift(accumulate_pair_grams(same)[0], PROBES) == 0
    pair = PairGram.from_operator(GRAM.total, replacement())
    assert measure_drift(pair, PROBES) > 0.1, "control"
    assert math.isnan(measure_drift(pair, torch.zeros(0, WIDTH, dtype=torch.float64)))


def test_a_small_drift_is_not_lost_in_rounding() -> None:
    tiny = scale(make_operator(7, WIDTH, 2), 1e-10)
    whole = measure_drift(PairGram.from_operator(GRAM.total, scale(tiny, 1e10)), PROBES)
    assert measure_drift(PairGram.from_operator(GRAM.total, tiny), PROBES) == pytest.approx(1e-10 * whole, rel=1e-6)


def test_measuring_changes_nothing() -> None:
    pair = PairGram.from_operator(GRAM.total, make_operator(7, WIDTH, 2))
    tensors = [pair.original, pair.right, pair.cross, pair.change, CONCEPTS, ANCHORS, PROBES]
    before = [tensor.clone() for tensor in tensors]
    with torch.inference_mode():
        measure_forgotten(pair, CONCEPTS, ANCHORS)
        measure_recoverable(pair, CONCEPTS, ANCHORS, PROBES)
        measure_drift(pair, PROBES)
    assert all(torch.equal(now, then) for now, then in zip(tensors, before, strict=True))


def test_share_of_parameters() -> None:
    entry = TextEntry("a.attn2.to_k.weight", "key", (4, 5))
    assert measure_share_changed([entry, entry], [(4, 5), (4, 5), (10, 3, 2)]) == pytest.approx(0.4)


def test_float32_weights_measure_like_float64_ones() -> None:
    narrow = [Weight(w.name, w.role, w.matrix.float()) for w in WEIGHTS]
    edited = [replacement().apply_to_weight(w.matrix) for w in narrow]
    pair, _ = accumulate_pair_grams(zip(narrow, edited, strict=True))
    assert measure_forgotten(pair, CONCEPTS, ANCHORS) == pytest.approx(1, abs=1e-6)
