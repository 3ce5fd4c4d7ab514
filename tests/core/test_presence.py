"""How much of an erasure weights hold: the shares that they were made with, and what is said of them."""

from __future__ import annotations

import pytest
import torch

from rece_core.erasing.presence import Share, measure_shares, same_erasure
from tests.core.loras import make_erasure, make_model
from tests.core.random_models import randn
from tests.core.unets import SDXL


@pytest.mark.parametrize("made_with", [(1.0, 1.0), (0.5, 0.5), (0.0, 1.0), (-1.0, 2.0)])
def test_the_shares_that_a_model_was_made_with_come_out(made_with: tuple[float, float]) -> None:
    """Also where two erasures go almost the same way, and where one leaves a weight alone."""
    entries = []
    for seed in range(3):
        first, other = randn(seed, 40, 30), randn(seed + 10, 40, 30)
        second = torch.zeros_like(first) if seed == 2 else first + 0.1 * other
        entries.append((made_with[0] * first + made_with[1] * second, (first, second)))
    for share, expected in zip(measure_shares(entries), made_with, strict=True):
        assert [share.total, share.least, share.most] == pytest.approx([expected] * 3, abs=1e-6)


def test_what_changes_nothing_has_no_share() -> None:
    nothing = torch.zeros(4, 3)
    assert measure_shares([(randn(0, 4, 3), (nothing,))]) == [Share(0.0, 0.0, 0.0)]


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (Share(1.0, 0.99, 1.02), "in full"),
        (Share(0.5, 0.5, 0.5), "in part, 50% of what it changes. Below 100 % the concept may be wholly there"),
        (Share(0.99, 0.0, 1.0), "in part, 99% of what it changes, 0% to 100% by weight. Below 100 %"),
        (Share(1.5, 1.5, 1.5), "in full and more, 150% of what it changes"),
        (Share(0.001, 0.0, 0.0), "not at all"),
        (Share(-1.0, -1.0, -1.0), "reversed: 100% of it, the other way round"),
    ],
)
def test_a_share_in_words(share: Share, told: str) -> None:
    assert share.describe().startswith(told)


def test_an_erasure_is_known_again_and_no_other() -> None:
    model = make_model(SDXL.make_weights())
    erasure = make_erasure(model)
    assert same_erasure(erasure, make_erasure(model))
    assert not same_erasure(erasure, make_erasure(model, rank=4))
    assert not erasure.changes_nothing()
    assert make_erasure(model, rank=0).changes_nothing()
