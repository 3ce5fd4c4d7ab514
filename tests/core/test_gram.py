"""Gram matrices: right, whatever the order, the chunks, the types; and nothing broken gets in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rece_core.algebra import gram as gram_module
from rece_core.algebra.gram import PairGram
from rece_core.models.weights import Gram, Weight, accumulate_gram, accumulate_pair_grams
from tests.core.random_models import deviation, make_operator, make_weights, randn

SEEDS = st.integers(0, 10_000)


def sum_grams(matrices: list[Tensor]) -> Tensor:
    """Σ Wᵀ W in one product."""
    stacked = torch.cat(matrices)
    return stacked.T @ stacked


@pytest.mark.parametrize("block", [1, 4, 5, 100])
@pytest.mark.parametrize("rows", [1, 9, 16, 100])
@pytest.mark.parametrize("width", [1, 4, 5, 8, 9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_chunks_do_not_matter(
    monkeypatch: pytest.MonkeyPatch, block: int, rows: int, width: int, dtype: torch.dtype
) -> None:
    weights = [Weight(w.name, w.role, w.matrix.to(dtype)) for w in make_weights(0, width)]
    monkeypatch.setattr(gram_module, "BLOCK", block)
    monkeypatch.setattr(gram_module, "ROWS_IN_FLOAT32", rows)
    gram = accumulate_gram(weights)
    total, values = (sum_grams([w.matrix.double() for w in part]) for part in (weights, weights[1::2]))
    accepted = 1e-6 if dtype == torch.float32 else 1e-14
    assert deviation(gram.total, total) < accepted
    assert deviation(gram.values, values) < accepted
    assert torch.equal(gram.total, gram.total.T)
    assert gram.total.dtype == torch.float64
    assert gram.width == width


@pytest.mark.parametrize("width", [gram_module.BLOCK - 1, gram_module.BLOCK, gram_module.BLOCK + 1])
def test_blocks_as_they_are(width: int) -> None:
    matrix = randn(0, 40, width)
    gram = accumulate_gram([Weight("w", "value", matrix)])
    assert deviation(gram.total, matrix.T @ matrix) < 1e-14


@given(SEEDS, st.randoms(use_true_random=False))
def test_the_order_of_weights_does_not_matter(seed: int, random: Random) -> None:
    weights = make_weights(seed, 7)
    expected = accumulate_gram(weights)
    shuffled = accumulate_gram(random.sample(weights, len(weights)))
    assert deviation(shuffled.total, expected.total) < 1e-14
    assert deviation(shuffled.values, expected.values) < 1e-14


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_products_in_float32_are_good_to_its_rounding(dtype: torch.dtype) -> None:
    """12 000 rows, more than are summed in float32 at a time."""
    weights = [Weight(f"w{i}", "key", randn(i, 3000, 64, dtype=torch.float32).to(dtype)) for i in range(4)]
    exact = accumulate_gram([Weight(w.name, w.role, w.matrix.double()) for w in weights]).total
    found = accumulate_gram(weights).total
    assert deviation(found, exact) < 1e-6
    assert float((found - exact).abs().max() / exact.diagonal().max()) < 1e-6


@given(SEEDS, st.integers(2, 9), st.data())
def test_a_pair_by_its_operator_is_the_pair_by_its_weights(seed: int, width: int, data: st.DataObject) -> None:
    operator = make_operator(seed + 50, width, data.draw(st.integers(0, width)))
    weights = make_weights(seed, width)
    gram = accumulate_gram(weights)
    edited = [operator.apply_to_weight(weight.matrix) for weight in weights]
    materialised = accumulate_pair_grams(zip(weights, edited, strict=True))
    tokens = randn(seed + 60, 4, width)
    for pair, expected, part in zip(
        [PairGram.from_operator(gram.total, operator), PairGram.from_operator(gram.values, operator)],
        materialised,
        (weights, weights[1::2]),
        strict=True,
    ):
        after = [operator.apply_to_weight(weight.matrix) for weight in part]
        for each in (pair, expected):
            scale = float(each.edited().norm())
            assert float((each.edited() - sum_grams(after)).norm()) < 1e-12 * scale
            pulled = tokens @ sum(w.matrix.T @ v for w, v in zip(part, after, strict=True))
            assert deviation(each.pull_back(tokens), pulled) < 1e-12
        crosses = [each.right @ each.cross for each in (pair, expected)]
        changes = [each.right @ each.change @ each.right.T for each in (pair, expected)]
        assert float((crosses[0] - crosses[1]).norm()) < 1e-12 * scale
        assert float((changes[0] - changes[1]).norm()) < 1e-12 * scale


def test_weights_are_left_as_they_are() -> None:
    weights = make_weights(0, 7)
    before = [weight.matrix.clone() for weight in weights]
    with torch.inference_mode():
        accumulate_gram(weights)
        accumulate_pair_grams((weight, weight.matrix) for weight in weights)
    assert all(torch.equal(weight.matrix, then) for weight, then in zip(weights, before, strict=True))


def test_trainable_weights_leave_no_graph_behind() -> None:
    weights = [Weight(w.name, w.role, torch.nn.Parameter(w.matrix)) for w in make_weights(0, 7)]
    gram = accumulate_gram(weights)
    pair, _ = accumulate_pair_grams((weight, weight.matrix) for weight in weights)
    assert not gram.total.requires_grad
    assert not pair.cross.requires_grad


def test_weights_are_read_one_at_a_time() -> None:
    alive: list[str] = []

    def read() -> Iterator[Weight]:
        for weight in make_weights(0, 7):
            alive.append(weight.name)
            yield weight
            assert alive == [weight.name], "the next was asked for before this one was done with"
            alive.clear()

    assert isinstance(accumulate_gram(read()), Gram)


def test_input_layers_make_values() -> None:
    key, value, whole = (Weight(role, role, randn(i, 5, 6)) for i, role in enumerate(("key", "value", "input")))
    gram = accumulate_gram([key, value, whole])
    assert deviation(gram.values, sum_grams([value.matrix, whole.matrix])) < 1e-14
    assert deviation(gram.total, sum_grams([key.matrix, value.matrix, whole.matrix])) < 1e-14


def test_a_model_without_value_projections() -> None:
    gram = accumulate_gram([w for w in make_weights(0, 7) if w.role == "key"])
    assert float(gram.total.norm()) > 0
    assert float(gram.values.norm()) == 0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("place", [(0, 0), (11, 6)])
def test_broken_weights_are_named(value: float, place: tuple[int, int]) -> None:
    weights = make_weights(0, 7)
    accumulate_gram(weights)  # control
    weights[1].matrix[place] = value
    with pytest.raises(ValueError, match=r"blocks\.1\.attn2\.to_v\.weight holds NaN or infinite numbers.*Load an"):
        accumulate_gram(weights)
    intact = make_weights(0, 7)
    for pairs in (zip(weights, [w.matrix for w in intact]), zip(intact, [w.matrix for w in weights])):  # noqa: B905
        with pytest.raises(ValueError, match=r"blocks\.1\.attn2\.to_v\.weight holds NaN or infinite"):
            accumulate_pair_grams(pairs)


def test_weights_that_do_not_belong_together() -> None:
    weights = make_weights(0, 7)
    with pytest.raises(ValueError, match=r"blocks\.0\.attn2\.to_k\.weight has shape \(7, 8\); expected \(rows, 7\)"):
        accumulate_gram([*weights, *make_weights(0, 8)])
    with pytest.raises(ValueError, match=r"has shape \(7, 7\) in the original and \(12, 7\) in the edited model"):
        accumulate_pair_grams([(weights[0], weights[1].matrix)])
    with pytest.raises(ValueError, match=r"blocks\.0\.attn2\.to_k\.weight has shape \(7, 8\)"):
        accumulate_pair_grams([(w, w.matrix) for w in (*weights, *make_weights(0, 8))])
    with pytest.raises(ValueError, match=r"has shape \(7, 7, 1\); expected \(rows, width\)"):
        accumulate_gram([Weight("conv", "key", weights[0].matrix[:, :, None])])


@pytest.mark.parametrize("accumulate", [accumulate_gram, accumulate_pair_grams])
def test_no_weights(accumulate: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match=r"no weights were given; expected at least one"):
        accumulate([])


def test_weights_whose_products_overflow_are_named_too() -> None:
    weights = list(make_weights(0, 6))
    huge = Weight(weights[1].name, weights[1].role, torch.full((4, 6), 1e20))
    with pytest.raises(ValueError, match=rf"{re.escape(huge.name)} holds NaN or infinite numbers"):
        accumulate_gram([weights[0], huge])
