"""Properties of one closed-form edit."""

from __future__ import annotations

from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rece_core.algebra.protected_subspace import protect
from rece_core.erasing.edit import PairSums, scaled_ridge, solve_edit, solve_sums
from rece_core.erasing.settings import EditSettings
from tests.core.random_models import deviation, randn, unit

SEEDS = st.integers(0, 10_000)
SETTINGS = EditSettings(erase_scale=1.3, preserve_scale=0.2, ridge=0.1)


def make_problem(seed: int, width: int, count: int, kept: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    preserved = randn(seed + 2, kept, width)
    return randn(seed, count, width), randn(seed + 1, count, width), preserved.T @ preserved


@given(SEEDS, st.integers(2, 10), st.integers(1, 16))
def test_the_objective_has_no_gradient_at_the_solution(seed: int, width: int, count: int) -> None:
    sources, anchors, preserved = make_problem(seed, width, count)
    weight = randn(seed + 3, width + 4, width)

    def gradient_at(matrix: Tensor) -> Tensor:
        moved = matrix.clone().requires_grad_()
        change = weight @ (moved - unit(width))
        erased = (weight @ (moved @ sources.T - anchors.T)).square().sum()
        kept = torch.sum((change @ preserved) * change)
        loss = SETTINGS.erase_scale * erased + SETTINGS.preserve_scale * kept + SETTINGS.ridge * change.square().sum()
        loss.backward()
        assert moved.grad is not None
        return moved.grad

    solution = solve_edit(sources, anchors, preserved, SETTINGS).matrix()
    before = float(gradient_at(unit(width)).norm())
    assert before > 0.1, "control: before the edit there is something to improve"
    assert float(gradient_at(solution).norm()) < 1e-9 * before


@given(SEEDS, st.integers(2, 10), st.integers(1, 16))
def test_a_target_that_is_its_own_anchor_changes_nothing(seed: int, width: int, count: int) -> None:
    sources, anchors, preserved = make_problem(seed, width, count)
    assert deviation(solve_edit(sources, anchors, preserved, SETTINGS).matrix(), unit(width)) > 1e-3, "control"
    assert torch.equal(solve_edit(sources, sources, preserved, SETTINGS).matrix(), unit(width))


@given(SEEDS, st.integers(2, 10), st.integers(2, 16), st.randoms(use_true_random=False))
def test_the_order_of_concepts_does_not_matter(seed: int, width: int, count: int, random: Random) -> None:
    sources, anchors, preserved = make_problem(seed, width, count)
    order = random.sample(range(count), count)
    expected = solve_edit(sources, anchors, preserved, SETTINGS).matrix()
    assert deviation(solve_edit(sources[order], anchors[order], preserved, SETTINGS).matrix(), expected) < 1e-10


@given(SEEDS, st.integers(2, 10), st.integers(1, 16))
def test_a_boundless_ridge_leaves_the_model_as_it_is(seed: int, width: int, count: int) -> None:
    sources, anchors, preserved = make_problem(seed, width, count)
    moved = [
        deviation(solve_edit(sources, anchors, preserved, EditSettings(ridge=ridge)).matrix(), unit(width))
        for ridge in (1e-2, 1e12)
    ]
    assert moved[0] > 1e-2, "control"
    assert moved[1] < 1e-9


@given(SEEDS, st.integers(2, 8), st.integers(0, 6))
def test_more_tokens_than_dimensions_give_the_same_as_the_papers_form(seed: int, width: int, more: int) -> None:
    """M = B A⁻¹ on both sides of the number where the factors change."""
    for count in (width, width + 1 + more):
        sources, anchors, preserved = make_problem(seed, width, count)
        kept = SETTINGS.ridge * unit(width) + SETTINGS.preserve_scale * preserved
        system = kept + SETTINGS.erase_scale * sources.T @ sources
        goal = kept + SETTINGS.erase_scale * anchors.T @ sources
        operator = solve_edit(sources, anchors, preserved, SETTINGS)
        assert operator.rank <= width
        assert deviation(operator.matrix(), goal @ torch.linalg.inv(system)) < 1e-9


@given(SEEDS, st.integers(3, 12), st.integers(1, 16), st.booleans())
def test_sums_over_the_pairs_are_enough(seed: int, width: int, count: int, confined: bool) -> None:
    sources, anchors, preserved = make_problem(seed, width, count)
    subspace = protect(randn(seed + 4, 1, width), preserved, 0.5) if confined else None
    sums = PairSums.of(sources, anchors)
    assert deviation(sums.differences, (sources - anchors).T @ (sources - anchors)) < 1e-12
    expected = solve_edit(sources, anchors, preserved, SETTINGS, subspace).matrix()
    assert deviation(solve_sums(sums, preserved, SETTINGS, subspace).matrix(), expected) < 1e-9


@given(SEEDS, st.integers(3, 12), st.integers(1, 12))
def test_the_rank_is_at_most_the_number_of_edited_tokens(seed: int, width: int, count: int) -> None:
    operator = solve_edit(*make_problem(seed, width, count), SETTINGS)
    change = operator.matrix() - unit(width)
    assert int(torch.linalg.matrix_rank(change)) == min(count, width)
    assert operator.compressed().rank == min(count, width)


def test_preserving_more_moves_preserved_tokens_less() -> None:
    sources, anchors = randn(0, 4, 12), randn(1, 4, 12)
    kept = randn(2, 5, 12)
    moved = []
    for scale in (0.0, 1.0, 1e6):
        operator = solve_edit(sources, anchors, kept.T @ kept, EditSettings(preserve_scale=scale))
        moved.append(deviation(operator.apply_to_tokens(kept), kept))
    assert moved[0] > moved[1] > moved[2]
    assert moved[0] > 0.1, "control: without preservation they move"
    assert moved[2] < 1e-5


def test_inputs_are_left_as_they_are() -> None:
    problem = make_problem(3, 6, 4)
    before = [matrix.clone() for matrix in problem]
    with torch.inference_mode():
        solve_edit(*problem, SETTINGS)
    assert all(torch.equal(now, then) for now, then in zip(problem, before, strict=True))


def test_a_ridge_of_zero_where_the_system_is_singular() -> None:
    sources, anchors, _ = make_problem(0, 8, 3)
    nothing = torch.zeros(8, 8, dtype=torch.float64)
    solve_edit(sources, anchors, nothing, EditSettings(ridge=1e-6))  # control: a small one is enough
    with pytest.raises(ValueError, match=r"edit ridge is 0, .* singular .* Raise the edit ridge"):
        solve_edit(sources, anchors, nothing, EditSettings(ridge=0.0))


def test_a_ridge_of_zero_where_enough_tokens_are_preserved() -> None:
    sources, anchors, preserved = make_problem(0, 8, 3, kept=20)
    operator = solve_edit(sources, anchors, preserved, EditSettings(ridge=0.0))
    assert deviation(operator.apply_to_tokens(sources), anchors) < deviation(sources, anchors)


def test_a_relative_ridge_does_not_depend_on_the_size_of_embeddings() -> None:
    relative = EditSettings(ridge=0.1, preserve_scale=0.0, ridge_scale="relative")
    sources, anchors, preserved = make_problem(0, 8, 3)
    matrices = []
    for size in (1.0, 40.0):
        settings = scaled_ridge(relative, size * sources)
        matrices.append(solve_edit(size * sources, size * anchors, preserved, settings).matrix())
        assert settings.ridge == pytest.approx(0.1 * size**2 * float(sources.square().mean()))
    assert deviation(matrices[1], matrices[0]) < 1e-10
    absolute = EditSettings(ridge=0.1)
    assert scaled_ridge(absolute, 40 * sources) == absolute
