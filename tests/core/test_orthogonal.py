"""The orthogonal edit: an orthogonal map, the best one, and what it is for."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rece_core.algebra.orthogonal import solve_orthogonal
from tests.core.random_models import deviation, randn, unit

HEIGHT, WIDTH = 12, 16


def make_problem(seed: int) -> tuple[torch.Tensor, ...]:
    """Weight, concepts, anchors, moment of what is kept."""
    kept = randn(seed + 3, 40, 4) @ randn(seed + 4, 4, WIDTH)
    concepts, anchors = randn(seed + 1, 2, WIDTH), randn(seed + 2, 2, WIDTH)
    return randn(seed, HEIGHT, WIDTH), concepts, anchors, kept.T @ kept / len(kept)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_it_is_a_rotation_and_none_near_it_is_better(seed: int) -> None:
    weight, concepts, anchors, kept = make_problem(seed)
    turn = solve_orthogonal(weight, concepts, anchors, kept, 1.0)
    assert deviation(turn.T @ turn, unit(HEIGHT)) < 1e-10

    def project(tokens: torch.Tensor) -> torch.Tensor:
        return torch.linalg.pinv(tokens @ weight.T) @ (tokens @ weight.T)

    outputs = weight @ kept @ weight.T
    leave, stay = project(concepts), project(anchors)
    system = -leave @ (unit(HEIGHT) - stay) + HEIGHT * outputs / outputs.trace()
    best = float((turn @ system).trace())
    for step in range(4):
        slant = randn(seed + 10 + step, HEIGHT, HEIGHT)
        near = torch.linalg.matrix_exp(0.05 * (slant - slant.T)) @ turn
        assert float((near @ system).trace()) < best


def test_the_concept_leaves_and_what_is_kept_stays() -> None:
    weight, concepts, anchors, kept = make_problem(0)
    turned = solve_orthogonal(weight, concepts, anchors, kept, 100.0) @ weight
    before, after = concepts @ weight.T, concepts @ turned.T
    along = torch.nn.functional.cosine_similarity(before, after)
    assert float(along.max()) < 0.5
    directions = torch.linalg.eigh(kept).eigenvectors[:, -1:].T
    gentle = solve_orthogonal(weight, concepts, anchors, kept, 1e-3) @ weight
    assert deviation(directions @ gentle.T, directions @ weight.T) < 1e-2


def test_an_anchor_that_spans_the_concept_turns_nothing() -> None:
    weight, concepts, _, kept = make_problem(0)
    full = kept + unit(WIDTH)
    turn = solve_orthogonal(weight, concepts, concepts, full, 1.0)
    assert deviation(turn, unit(HEIGHT)) < 1e-9
    assert deviation(solve_orthogonal(weight, concepts, randn(9, 2, WIDTH), full, 10.0), unit(HEIGHT)) > 0.1, "control"
