"""Strict preservation: what is protected stays exactly, the target comes as close as that allows."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rece_core.algebra.protected_subspace import ProtectedSubspace, protect, require_room
from rece_core.erasing.edit import solve_edit
from rece_core.erasing.settings import EditSettings
from tests.core.random_models import deviation, randn, unit

WIDTH = 16
SETTINGS = EditSettings(ridge=1e-3, preserve_scale=0.5)
seeds = st.integers(0, 10_000)


def make_problem(seed: int, count: int = 5) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, ProtectedSubspace]:
    """Concepts, anchors, preserved moment, protected directions."""
    kept = randn(seed + 2, 30, WIDTH) * torch.logspace(1, -3, WIDTH, dtype=torch.float64)
    moment = kept.T @ kept / len(kept)
    subspace = protect(randn(seed + 3, 2, WIDTH), moment, 1e-3)
    return randn(seed, count, WIDTH), randn(seed + 1, count, WIDTH), moment, subspace


@settings(max_examples=20, deadline=None)
@given(seeds, st.sampled_from([3, 40]))
def test_what_is_protected_does_not_move(seed: int, count: int) -> None:
    sources, anchors, moment, subspace = make_problem(seed, count)
    exact = randn(seed + 3, 2, WIDTH)
    strict, free = (solve_edit(sources, anchors, moment, SETTINGS, each) for each in (subspace, None))
    assert deviation(strict.apply_to_tokens(exact), exact) < 1e-12
    assert deviation(strict.apply_to_tokens(subspace.basis.T), subspace.basis.T) < 1e-12
    assert deviation(free.apply_to_tokens(exact), exact) > 1e-4, "control"


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_no_other_confined_edit_is_better(seed: int) -> None:
    """The gradient of the objective along D P vanishes, whatever the weights."""
    sources, anchors, moment, subspace = make_problem(seed)
    change = solve_edit(sources, anchors, moment, SETTINGS, subspace).matrix() - unit(WIDTH)
    residual = (sources + sources @ change.T - anchors).T @ sources
    gradient = residual + SETTINGS.preserve_scale * change @ moment + SETTINGS.ridge * change
    confined = subspace.project(gradient)
    assert float(confined.norm()) < 1e-9 * float(gradient.norm() + 1)
    assert float(gradient.norm()) > 1e-3, "control: it does not vanish along what is protected"


def test_the_free_share_bounds_what_an_edit_can_read() -> None:
    *_, moment, _ = make_problem(0)
    sizes = []
    for share in (1e-6, 1e-3, 1e-1, 1.0):
        subspace = protect(randn(3, 0, WIDTH), moment, share)
        assert float(subspace.project_gram(moment).trace()) <= share * float(moment.trace()) * (1 + 1e-9)
        assert (
            deviation(subspace.basis.T @ subspace.basis, unit(subspace.basis.shape[1])) < 1e-12
            or not subspace.basis.numel()
        )
        sizes.append(subspace.basis.shape[1])
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1] == 0


def test_nothing_left_to_edit() -> None:
    sources, _, moment, _ = make_problem(0)
    subspace = protect(unit(WIDTH), moment, 1e-3)
    with pytest.raises(ValueError, match=r"with a free share of 0.001, 16 of 16 directions are protected, .* move by"):
        require_room(subspace, sources, 1e-3)
    require_room(protect(unit(WIDTH)[:4], moment, 1e-3), sources, 1e-3)  # control
