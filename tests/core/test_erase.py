"""The loop: what it yields, that it can be stopped anywhere, that nothing it was given changes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from rece_core.algebra.gram import PairGram
from rece_core.algebra.operator import Operator
from rece_core.erasing.derive import Derivation
from rece_core.erasing.edit import solve_edit
from rece_core.erasing.erase import EncodedConcepts, iterate_erasure
from rece_core.erasing.settings import EditSettings, EraseSettings
from rece_core.models.weights import accumulate_gram
from rece_core.progress import Progress
from rece_core.texts.alignment import EncodedText, align
from tests.core.random_models import Scene, deviation, make_scene, make_text

CUMULATIVE = EraseSettings(epochs=3, iteration="cumulative")
PAPER = EraseSettings(epochs=3)
TARGETS = ["target 0", "target 1"]  # as `make_scene` names them


def tensors_of(scene: Scene) -> list[Tensor]:
    texts = scene.texts
    tokens = [text.tokens for group in (texts.targets, texts.anchors, texts.preserved, texts.probes) for text in group]
    return [scene.gram.total, scene.gram.values, *(weight.matrix for weight in scene.weights), *tokens]


@pytest.mark.parametrize("settings", [PAPER, CUMULATIVE])
def test_a_result_an_epoch(settings: EraseSettings) -> None:
    scene = make_scene()
    results = list(iterate_erasure(scene.gram, scene.texts, settings))
    assert [result.record.epoch for result in results] == [0, 1, 2, 3]
    for result in results:
        record, pair = result.record, PairGram.from_operator(scene.gram.total, result.operator)
        expected = float(torch.linalg.cond(result.operator.matrix()))
        assert result.operator.condition_number() == pytest.approx(expected, rel=1e-3)
        assert record.rank == result.operator.rank
        assert record.seconds > 0
        assert all(map(math.isfinite, (record.forgotten, record.recoverable, record.norm_ratio, record.drift)))
        derivation = Derivation(pair, settings.derivation_ridge)
        for text, derived in zip(scene.texts.targets, result.derived, strict=True):
            assert deviation(derived, derivation.derive(text.tokens)) < 1e-12


def test_the_first_edit_forgets() -> None:
    scene = make_scene(width=60)
    (first,) = iterate_erasure(scene.gram, scene.texts, EraseSettings(EditSettings(ridge=1e-6), epochs=0))
    assert first.record.forgotten > 0.99
    assert first.record.drift > 0.01


@pytest.mark.parametrize("settings", [PAPER, CUMULATIVE])
def test_an_epoch_edits_what_was_derived_before_it(settings: EraseSettings) -> None:
    """Written out from the parts, epoch by epoch."""
    scene = make_scene()
    texts, edit = scene.texts, settings.edit
    preserved = torch.cat([text.tokens for text in texts.preserved])
    kept = preserved.T @ preserved
    aligned = [align(*both, edit.tokens) for both in zip(texts.targets, texts.anchors, strict=True)]
    sources, goals = (torch.cat([rows[side] for rows in aligned]) for side in (0, 1))
    operator, rows = solve_edit(sources, goals, kept, edit), (sources, goals)
    anchors = torch.cat([text.tokens for text in texts.anchors])
    for result in iterate_erasure(scene.gram, texts, settings):
        assert deviation(result.operator.matrix(), operator.matrix()) < 1e-9
        derived = torch.cat(result.derived)
        rows = (torch.cat([rows[0], derived]), torch.cat([rows[1], anchors]))
        if settings.iteration == "cumulative":  # one solve from the original weights with all pairs so far
            operator = solve_edit(*rows, kept, edit)
        else:  # on top of the last
            operator = operator.then(solve_edit(derived, anchors, kept, edit))


def test_both_iterations_begin_alike_and_then_differ() -> None:
    scene = make_scene()
    paper, cumulative = (list(iterate_erasure(scene.gram, scene.texts, each)) for each in (PAPER, CUMULATIVE))
    assert torch.equal(paper[0].operator.matrix(), cumulative[0].operator.matrix())
    assert deviation(paper[1].operator.matrix(), cumulative[1].operator.matrix()) > 0.01


def test_a_derived_embedding_is_closed_by_the_epoch_that_edits_it() -> None:
    scene = make_scene(width=60)
    settings = EraseSettings(EditSettings(ridge=1e-4), epochs=1, derivation_ridge=1e-3, iteration="cumulative")
    before, after = iterate_erasure(scene.gram, scene.texts, settings)
    anchors, attack = torch.cat([text.tokens for text in scene.texts.anchors]), torch.cat(before.derived)
    distances = [deviation(result.operator.apply_to_tokens(attack), anchors) for result in (before, after)]
    assert distances[0] > 0.5, "control: it is open before"
    assert distances[1] < 0.05


@pytest.mark.parametrize("settings", [PAPER, CUMULATIVE])
@pytest.mark.parametrize("inference", [False, True])
def test_nothing_given_is_changed(settings: EraseSettings, inference: bool) -> None:
    scene = make_scene()
    before = [tensor.clone() for tensor in tensors_of(scene)]
    with torch.inference_mode(inference):
        list(iterate_erasure(scene.gram, scene.texts, settings))
    assert all(torch.equal(now, then) for now, then in zip(tensors_of(scene), before, strict=True))


class Cancelled(Exception):
    pass


@pytest.mark.parametrize("stop", range(12))
def test_it_can_be_cancelled_before_any_step(stop: int) -> None:
    scene, steps = make_scene(), list[str]()
    before = [tensor.clone() for tensor in tensors_of(scene)]

    def cancel(share: float, step: str) -> None:
        steps.append(step)
        if len(steps) > stop:
            raise Cancelled

    results = []
    with pytest.raises(Cancelled):
        for result in iterate_erasure(scene.gram, scene.texts, PAPER, Progress(cancel)):
            results.append(result)
    assert len(results) == stop // 3
    assert all(torch.equal(now, then) for now, then in zip(tensors_of(scene), before, strict=True))


def test_steps_are_named_and_counted() -> None:
    scene, steps, shares = make_scene(), list[str](), list[float]()

    def show(share: float, step: str) -> None:
        steps.append(step)
        shares.append(share)

    list(iterate_erasure(scene.gram, scene.texts, replace(PAPER, epochs=1), Progress(show)))
    for step, part in zip(steps, ["first edit", *TARGETS, "epoch 1", *TARGETS], strict=True):
        assert part in step
    assert shares == pytest.approx([count / 6 for count in range(1, 7)])


@pytest.mark.parametrize("iteration", ["paper", "cumulative"])
def test_the_order_of_concepts_does_not_matter(iteration: str) -> None:
    scene, settings = make_scene(targets=3), replace(PAPER, epochs=2, iteration=iteration)
    turned = replace(scene.texts, targets=scene.texts.targets[::-1], anchors=scene.texts.anchors[::-1])
    *_, expected = iterate_erasure(scene.gram, scene.texts, settings)
    *_, found = iterate_erasure(scene.gram, turned, settings)
    assert deviation(found.operator.matrix(), expected.operator.matrix()) < 1e-7


def test_a_target_that_is_its_own_anchor_leaves_the_first_edit_empty() -> None:
    scene = make_scene()
    same = replace(scene.texts, anchors=scene.texts.targets)
    (first,) = iterate_erasure(scene.gram, same, EraseSettings(epochs=0))
    assert torch.equal(first.operator.matrix(), Operator.identity(24).matrix())


def test_epochs_keep_the_same_texts_unless_told_otherwise() -> None:
    scene = make_scene()

    def final(texts: EncodedConcepts) -> Tensor:
        *_, last = iterate_erasure(scene.gram, texts, replace(PAPER, epochs=1))
        return last.operator.matrix()

    expected = final(scene.texts)
    assert torch.equal(final(replace(scene.texts, preserved_in_epochs=scene.texts.preserved)), expected)
    assert deviation(final(replace(scene.texts, preserved_in_epochs=())), expected) > 1e-3


def test_relative_ridges_make_scales_of_embeddings_and_weights_irrelevant() -> None:
    relative = EraseSettings(EditSettings(ridge_scale="relative", preserve_scale=0.5), epochs=2)
    scene = make_scene()

    def final(texts: EncodedConcepts, gram_scale: float) -> Tensor:
        gram = replace(scene.gram, total=scene.gram.total * gram_scale, values=scene.gram.values * gram_scale)
        *_, last = iterate_erasure(gram, texts, relative)
        return last.operator.matrix()

    def scale(texts: tuple[EncodedText, ...], by: float) -> tuple[EncodedText, ...]:
        return tuple(replace(text, tokens=text.tokens * by) for text in texts)

    texts = scene.texts
    larger = EncodedConcepts(scale(texts.targets, 30), scale(texts.anchors, 30), scale(texts.preserved, 30))
    assert deviation(final(larger, 1e-4), final(texts, 1.0)) < 1e-7


@pytest.mark.parametrize("where", ["targets", "anchors", "preserved", "preserved_in_epochs", "probes"])
def test_a_text_encoder_of_another_width(where: str) -> None:
    scene = make_scene()
    wrong = replace(scene.texts, **{where: (make_text(0, 16),) * 2})
    steps: list[str] = []
    with pytest.raises(ValueError, match=r"embeddings of width 16, but the model reads width 24. Connect the CLIP"):
        next(iterate_erasure(scene.gram, wrong, PAPER, Progress(lambda share, step: steps.append(step))))
    assert not steps


def test_concepts_without_anchors() -> None:
    with pytest.raises(ValueError, match="1 targets and 0 anchors were given; expected at least one target"):
        EncodedConcepts((make_text(0, 8),), ())
    with pytest.raises(ValueError, match="0 targets and 0 anchors"):
        EncodedConcepts((), ())


def test_a_ridge_of_zero_where_the_system_is_singular() -> None:
    scene = make_scene()
    with pytest.raises(ValueError, match="edit ridge is 0, .* Raise the edit ridge"):
        next(iterate_erasure(scene.gram, scene.texts, EraseSettings(EditSettings(ridge=0.0))))
    thin = replace(scene, gram=accumulate_gram(scene.weights[:1]))
    with pytest.raises(ValueError, match="derivation ridge is 0, .* Raise the derivation ridge"):
        next(iterate_erasure(thin.gram, scene.texts, EraseSettings(derivation_ridge=0.0)))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_device_does_not_matter() -> None:
    scene = make_scene()
    beside = [replace(weight, matrix=weight.matrix.cuda()) for weight in scene.weights]
    *_, expected = iterate_erasure(scene.gram, scene.texts, PAPER)
    *_, found = iterate_erasure(accumulate_gram(beside), scene.texts, PAPER)
    assert found.operator.left.is_cuda
    assert deviation(found.operator.matrix().cpu(), expected.operator.matrix()) < 1e-8
    assert found.operator.condition_number() == pytest.approx(expected.operator.condition_number(), rel=1e-3)
    changed = found.operator.apply_to_weight(beside[0].matrix)
    assert deviation(changed.cpu(), expected.operator.apply_to_weight(scene.weights[0].matrix)) < 1e-8
