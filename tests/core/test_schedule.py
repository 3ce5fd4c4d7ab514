"""The automatic schedule: where it stops and why, on records made up and on a real loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from rece_core.algebra.linear_algebra import UnsolvableError
from rece_core.erasing.erase import EpochResult, iterate_erasure, prepare_solvers
from rece_core.erasing.schedule import RIDGES, Goals, follow_settings, search_schedule
from rece_core.erasing.settings import EditSettings, EraseSettings
from rece_core.texts.prior import accumulate_prior
from tests.core.random_models import make_scene

SETTINGS = EraseSettings(epochs=3)


def follow(
    curve: Callable[[float, int], tuple[float, float]], forgotten: Callable[[EraseSettings], float] = lambda _: 1.0
) -> Callable[[EraseSettings], Iterator[Any]]:
    """A loop whose `recoverable` and `drift` are those of `curve` at a ridge and an epoch."""

    def run(settings: EraseSettings) -> Iterator[Any]:
        for epoch in range(settings.epochs + 1):
            recoverable, drift = curve(settings.edit.ridge, epoch)
            record = SimpleNamespace(epoch=epoch, recoverable=recoverable, drift=drift, forgotten=forgotten(settings))
            yield SimpleNamespace(record=record)

    return run


def search(curve: Callable[[float, int], tuple[float, float]], goal: float = 0.2, limit: float = 0.3) -> Any:
    return search_schedule(follow(curve), SETTINGS, Goals(goal, limit))


def test_it_stops_at_the_goal() -> None:
    found = search(lambda ridge, epoch: (0.79 - 0.3 * epoch, 0.1))
    assert (found.settings.epochs, len(found.records)) == (2, 3)
    assert found.reason.endswith("what is recoverable, 19.0%, is within the goal of 20.0%.")


def test_it_stops_before_the_limit_of_drift() -> None:
    found = search(lambda ridge, epoch: (0.8 - 0.1 * epoch, 0.2 * epoch))
    assert found.settings.epochs == 1
    assert found.reason.endswith("epoch 2 would drift by 40.0%, more than 30.0%.")


def test_it_stops_where_an_epoch_no_longer_helps() -> None:
    found = search(lambda ridge, epoch: (0.8 if epoch == 0 else 0.5, 0.1))
    assert found.settings.epochs == 1
    assert found.reason.endswith("epoch 2 no longer helps.")


def test_beside_value_erasers_one_epoch_is_made_that_drift_allows() -> None:
    """What it closes is not in `recoverable`: neither the goal nor what no longer helps stops it before."""
    with_erasers = replace(SETTINGS, seal=1.0)
    for curve, epochs in (
        (lambda ridge, epoch: (0.1, 0.1), 1),  # within the goal from the start
        (lambda ridge, epoch: (0.8, 0.1), 1),  # does not help
        (lambda ridge, epoch: (0.1, 0.2 + 0.2 * epoch), 0),  # drifts
    ):
        assert search_schedule(follow(curve), with_erasers, Goals(0.2, 0.3)).settings.epochs == epochs
        assert search(curve).settings.epochs == 0, "control: without value erasers none is"
    none = search_schedule(follow(lambda ridge, epoch: (0.1, 0.1)), replace(with_erasers, epochs=0), Goals(0.2, 0.3))
    assert none.reason.endswith("is within the goal of 20.0%.")


def test_all_epochs() -> None:
    found = search(lambda ridge, epoch: (0.9 - 0.1 * epoch, 0.1))
    assert found.settings.epochs == 3
    assert found.reason.endswith("3 epochs: the most that was asked for, 3 epochs.")


def test_the_ridge_that_leaves_least_within_the_limit_and_of_those_alike_the_gentlest() -> None:
    drifts = dict(zip(RIDGES, (0.0, 0.01, 0.1, 0.2, 0.4), strict=True))
    left = dict(zip(RIDGES, (0.95, 0.9, 0.5, 0.495, 0.0), strict=True))
    found = search(lambda ridge, epoch: (left[ridge], drifts[ridge]))
    assert found.settings.edit.ridge == RIDGES[2]
    careless = search(lambda ridge, epoch: (left[ridge], drifts[ridge]), limit=0.5)
    assert careless.settings.edit.ridge == RIDGES[4]


def test_of_those_alike_one_that_forgets() -> None:
    gentle = follow(lambda ridge, epoch: (0.5, 0.2 - ridge / 1000), lambda settings: 0.5 + 0.1 / settings.edit.ridge)
    assert search_schedule(gentle, SETTINGS, Goals(0.0, 0.3)).settings.edit.ridge == RIDGES[-1]


def test_nothing_within_the_limit() -> None:
    found = search(lambda ridge, epoch: (0.5, 0.5 + 1 / ridge))
    assert (found.settings.edit.ridge, found.settings.epochs) == (RIDGES[0], 0)
    assert "even the first edit drifts by 51.0%, more than 30.0%; preserve more texts" in found.reason
    assert found.reason.endswith("choose mode 'prior'."), "value erasers are not there to spare more"


def test_what_is_suggested_is_not_what_is_set() -> None:
    settings = replace(SETTINGS, edit=EditSettings(mode="prior"), seal=1.0)
    found = search_schedule(follow(lambda ridge, epoch: (0.5, 0.5)), settings, Goals(0.2, 0.3))
    assert found.reason.endswith("go on drawing or raise seal_caution above 0.05.")


def test_sliders() -> None:
    assert Goals.from_sliders(1.0, 0.0) == Goals(0.0, 0.8)
    assert Goals.from_sliders(0.5, 0.5).drift == pytest.approx(0.4)
    with pytest.raises(ValueError, match="carefulness is 1.5; expected 0 to 1"):
        Goals.from_sliders(0.5, 1.5)


def test_what_it_finds_is_what_the_loop_gives() -> None:
    scene = make_scene()
    tried: list[float] = []

    def run(settings: EraseSettings) -> Iterator[Any]:
        tried.append(settings.edit.ridge)
        return iterate_erasure(scene.gram, scene.texts, settings)

    found = search_schedule(run, SETTINGS, Goals(0.0, 10.0))
    assert tried == list(RIDGES)
    again = list(iterate_erasure(scene.gram, scene.texts, found.settings))
    assert [r.record.recoverable for r in again] == [r.recoverable for r in found.records]
    assert torch.equal(found.result.operator.matrix(), again[-1].operator.matrix())


def test_rotations_are_those_of_the_epoch_that_was_chosen() -> None:
    """Not of the one after it, which was tried and no longer helped; nothing is erased a second time."""
    scene = make_scene()
    texts = replace(scene.texts, prior=accumulate_prior(scene.texts.preserved))
    settings = EraseSettings(EditSettings(mode="orthogonal"))
    passes: list[int] = []

    def run(tried: EraseSettings) -> Iterator[Any]:
        _, make_solver = prepare_solvers(lambda: scene.weights, scene.gram, texts, tried)
        for result in iterate_erasure(scene.gram, texts, tried, solver=make_solver()):
            passes.append(result.record.epoch)
            yield result

    found = search_schedule(run, settings, Goals(0.0, 10.0))
    assert passes == list(range(len(found.records) + 1))
    assert found.reason.endswith("no longer helps."), "control: one epoch more was tried"
    *_, again = run(found.settings)
    assert again.orthogonal_maps.keys() == found.result.orthogonal_maps.keys() != set()
    for name, turn in again.orthogonal_maps.items():
        assert torch.equal(found.result.orthogonal_maps[name], turn)


def test_ridges_are_searched_in_every_mode_that_has_one() -> None:
    scene = make_scene()
    tried: list[float] = []

    def run(settings: EraseSettings) -> Iterator[Any]:
        tried.append(settings.edit.ridge)
        return iterate_erasure(scene.gram, scene.texts, settings)

    search_schedule(run, EraseSettings(EditSettings(mode="paper", ridge=5.0)), Goals(0.0, 10.0))
    assert len(tried) == len(RIDGES)


def run_five_targets(settings: EraseSettings) -> Iterator[EpochResult]:
    scene = make_scene(targets=5)
    return iterate_erasure(scene.gram, scene.texts, settings)


def test_an_epoch_that_cannot_be_solved_ends_the_loop_with_the_last_good_one() -> None:
    """Each epoch of the paper's iteration shrinks the weights, until their system is singular in double precision."""
    asked = EraseSettings(EditSettings(ridge=1e-3), epochs=50)
    with pytest.raises(UnsolvableError, match="singular"):  # the control
        list(run_five_targets(asked))
    found = follow_settings(run_five_targets, asked)
    made = found.settings.epochs
    assert 1 < made < 50 and [record.epoch for record in found.records] == list(range(made + 1))
    assert f"it ended before epoch {made + 1}, which cannot be solved: the derivation ridge is 0.1" in found.reason
    fewer = follow_settings(run_five_targets, replace(asked, epochs=made))
    assert fewer.reason == ""
    assert torch.equal(fewer.result.operator.matrix(), found.result.operator.matrix())


def test_the_search_too_ends_where_an_epoch_cannot_be_solved() -> None:
    def run(settings: EraseSettings) -> Iterator[Any]:
        yield from follow(lambda ridge, epoch: (0.9 - 0.1 * epoch, 0.1))(replace(settings, epochs=2))
        raise UnsolvableError("the derivation ridge is 0.1.")

    found = search_schedule(run, replace(SETTINGS, epochs=9), Goals(0.2, 0.3))
    assert found.settings.epochs == 2
    assert "2 epochs: it ended before epoch 3, which cannot be solved: the derivation ridge is 0.1." in found.reason


def test_a_first_edit_that_cannot_be_solved_is_an_error() -> None:
    with pytest.raises(UnsolvableError, match="edit ridge is 0, which leaves a system that is singular"):
        follow_settings(run_five_targets, EraseSettings(EditSettings(ridge=0.0, preserve_scale=0.0), epochs=2))
