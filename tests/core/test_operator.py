"""The operator M: applying, composing, compressing, and what it says of itself."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rece_core.algebra.operator import Operator
from tests.core.random_models import deviation, make_operator, randn, unit

SEEDS = st.integers(0, 10_000)


@given(SEEDS, st.integers(2, 10), st.data())
def test_weights_and_tokens_are_multiplied_by_the_same_matrix(seed: int, width: int, data: st.DataObject) -> None:
    operator = make_operator(seed, width, data.draw(st.integers(0, width)))
    weight, tokens = randn(seed + 2, 5, width), randn(seed + 3, 2, 4, width)
    matrix = operator.matrix()
    assert deviation(operator.apply_to_weight(weight), weight @ matrix) < 1e-12
    assert deviation(operator.apply_to_tokens(tokens), tokens @ matrix.T) < 1e-12
    up, down = operator.factors_for(weight)
    assert up.shape == (5, operator.rank)
    assert deviation(weight + up @ down, weight @ matrix) < 1e-12
    assert deviation(weight + operator.change_of(weight), weight @ matrix) < 1e-12


@pytest.mark.parametrize("rank", [2, 30])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_weights_are_rounded_once_to_their_own_type(dtype: torch.dtype, rank: int) -> None:
    operator, weight = make_operator(0, 32, rank), randn(2, 16, 32).to(dtype)
    exact = weight.double() @ operator.matrix()
    found = operator.apply_to_weight(weight)
    assert found.dtype == dtype
    assert deviation(found.double(), exact) < torch.finfo(dtype).eps
    assert operator.apply_to_tokens(weight).dtype == dtype
    assert operator.factors_for(weight)[0].dtype == torch.float32


def test_all_weights_share_one_lower_factor() -> None:
    operator = make_operator(0, 8, 2)
    first, second = (operator.factors_for(randn(seed, 5, 8).float())[1] for seed in (1, 2))
    assert first is second
    assert operator.factors_for(randn(3, 5, 8))[1].dtype == torch.float64


@given(SEEDS, st.integers(2, 8), st.data())
def test_composing_is_the_matrix_product(seed: int, width: int, data: st.DataObject) -> None:
    """On both sides of the rank where factors no longer pay."""
    ranks = [data.draw(st.integers(0, width)) for _ in range(2)]
    first, later = make_operator(seed, width, ranks[0]), make_operator(seed + 2, width, ranks[1])
    composed = first.then(later)
    assert deviation(composed.matrix(), first.matrix() @ later.matrix()) < 1e-12
    assert composed.rank == min(sum(ranks), width)


def test_composing_is_not_commutative() -> None:
    first, later = make_operator(0, 6, 2), make_operator(2, 6, 2)
    assert deviation(first.then(later).matrix(), later.then(first).matrix()) > 0.1


@given(SEEDS, st.integers(4, 12), st.integers(0, 2), st.sampled_from([1e-12, 1e-3, 0.3]))
def test_compressing_stays_within_its_tolerance(seed: int, width: int, rank: int, tolerance: float) -> None:
    plain = make_operator(seed, width, rank)
    noise = make_operator(seed + 7, width, 2)
    operator = Operator(torch.cat([plain.left, 1e-4 * noise.left], 1), torch.cat([plain.right, noise.right], 1))
    small = operator.compressed(tolerance)
    change = operator.matrix() - unit(width)
    assert float((small.matrix() - operator.matrix()).norm()) <= (tolerance + 1e-13) * float(change.norm())
    if small.rank:  # control: one rank less would be too far away
        sizes = torch.linalg.svdvals(change)
        assert float(sizes[small.rank - 1 :].norm()) > tolerance * float(sizes.norm())


def test_compressing_finds_the_true_rank() -> None:
    twice = Operator(torch.cat([randn(0, 9, 3)] * 2, 1), torch.cat([randn(1, 9, 3)] * 2, 1))
    assert (twice.rank, twice.compressed().rank) == (6, 3)
    assert Operator.identity(9).compressed().rank == 0
    assert Operator(torch.zeros(9, 3).double(), randn(0, 9, 3)).compressed().rank == 0
    assert Operator.from_matrix(unit(9)).compressed().rank == 0


@given(SEEDS, st.integers(2, 12), st.data())
def test_the_condition_number_is_that_of_the_whole_matrix(seed: int, width: int, data: st.DataObject) -> None:
    operator = make_operator(seed, width, data.draw(st.integers(0, width)))
    assert operator.condition_number() == pytest.approx(float(torch.linalg.cond(operator.matrix())), rel=1e-8)


@pytest.mark.parametrize("rank", [3, 40, 150])
def test_the_condition_number_of_wide_texts(rank: int) -> None:
    """Where it is no longer exact: of random factors, whose singular values lie closer together than an edit's."""
    operator = make_operator(rank, 300, rank)
    assert operator.condition_number() == pytest.approx(float(torch.linalg.cond(operator.matrix())), rel=1e-4)


def test_the_condition_number_of_extremes() -> None:
    assert Operator.identity(5).condition_number() == 1.0
    axis = unit(5)[:, :1]
    assert Operator(-axis, axis).condition_number() > 1e15  # M forgets one direction for good
    repeated = Operator(torch.cat([axis, axis], 1), torch.cat([axis, axis], 1))
    assert repeated.condition_number() == pytest.approx(3.0)  # linearly dependent factors


@given(SEEDS, st.integers(2, 8))
def test_a_given_matrix_is_kept(seed: int, width: int) -> None:
    matrix = randn(seed, width, width)
    assert deviation(Operator.from_matrix(matrix).matrix(), matrix) < 1e-14


@pytest.mark.parametrize("rank", [2, 7])
def test_nothing_given_is_changed_or_remembered(rank: int) -> None:
    """Trainable weights neither change nor leave a graph behind, in inference mode or out of it."""
    operator = make_operator(0, 8, rank)
    weight = torch.nn.Parameter(randn(2, 5, 8).float())
    before = [tensor.detach().clone() for tensor in (operator.left, operator.right, weight)]
    with torch.inference_mode():
        inside = operator.apply_to_weight(weight)
    outside = operator.apply_to_weight(weight)
    assert torch.equal(inside, outside)
    assert not outside.requires_grad
    assert not operator.factors_for(weight)[0].requires_grad
    for now, then in zip((operator.left, operator.right, weight), before, strict=True):
        assert torch.equal(now, then)


def test_what_is_not_an_operator() -> None:
    with pytest.raises(ValueError, match=r"shapes \(4, 2\) and \(4, 3\); expected two equal \(width, rank\)"):
        Operator(torch.zeros(4, 2), torch.zeros(4, 3))
    with pytest.raises(ValueError, match=r"shapes \(4,\) and \(4,\)"):
        Operator(torch.zeros(4), torch.zeros(4))
    with pytest.raises(ValueError, match=r"holds NaN or infinite numbers. Raise the ridges"):
        Operator(torch.full((4, 1), float("nan"), dtype=torch.float64), torch.zeros(4, 1, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"factors are torch.float32 and torch.float32; expected torch.float64"):
        Operator(torch.zeros(4, 2), torch.zeros(4, 2))
    with pytest.raises(ValueError, match=r"width 4 and 5 cannot be combined"):
        Operator.identity(4).then(Operator.identity(5))
