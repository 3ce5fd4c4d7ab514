"""What an erasure changes, measured: against the weights themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rece_core.algebra.operator import Operator
from rece_core.erasing.erase import EpochRecord
from rece_core.erasing.erasure import Erasure, Part
from rece_core.erasing.measures import measure_drift
from rece_core.erasing.settings import EraseSettings
from rece_core.erasing.value_eraser import ValueEraser
from rece_core.models.fingerprint import fingerprint
from rece_core.models.weights import Weight, accumulate_pair_grams
from rece_core.reporting.metrics import describe_metrics, measure_erasure
from rece_core.texts.alignment import EncodedText
from rece_core.texts.concepts import parse_concepts
from tests.core.random_models import make_operator, make_scene, make_text, randn


def make_erasure() -> Erasure:
    records = tuple(EpochRecord(epoch, 0.9, 0.2, 1.0, 0.01, 4, 9.0, 0.1) for epoch in range(3))
    part = Part(make_operator(5, width=24, rank=4), EraseSettings(epochs=2), records, fingerprint(randn(2, 24, 24)))
    return Erasure(
        parts={"tokens": part},
        concepts=parse_concepts("custom", "a circle => a square\na disc"),
        encoder={"tokens": fingerprint(randn(1, 77, 24))},
        family="SD 1.x",
    )


def change_tokens(**changes: object) -> Erasure:
    """The same with another part for the tokens."""
    erasure = make_erasure()
    return replace(erasure, parts={"tokens": replace(erasure.parts["tokens"], **changes)})


def read(*probes: EncodedText) -> list[dict[str, tuple[EncodedText, ...]]]:
    """What a model with one conditioning input reads of them."""
    return [{"tokens": (probe,)} for probe in probes]


def test_changes_and_drifts_are_those_of_the_edited_weights() -> None:
    scene = make_scene()
    erasure = make_erasure()
    probes = (make_text(1, 24, text="one"), make_text(2, 24, text="other"))
    metrics = measure_erasure(erasure, iter(scene.weights), read(*probes))
    matrix = erasure.parts["tokens"].operator.matrix()
    assert [(each.name, each.role) for each in metrics.changes] == [(each.name, each.role) for each in scene.weights]
    for found, weight in zip(metrics.changes, scene.weights, strict=True):
        expected = (weight.matrix @ matrix - weight.matrix).norm() / weight.matrix.norm()
        assert found.change == pytest.approx(float(expected), rel=1e-9)
    for (text, drift), probe in zip(metrics.drifts["tokens"], probes, strict=True):
        moved = sum((w.matrix @ (matrix @ probe.tokens.T - probe.tokens.T)).square().sum() for w in scene.weights)
        whole = sum((w.matrix @ probe.tokens.T).square().sum() for w in scene.weights)
        assert text == probe.text
        assert drift == pytest.approx(float(moved / whole) ** 0.5, rel=1e-6)
    assert metrics.records == {"tokens": erasure.parts["tokens"].records}


def test_every_input_is_measured_by_itself() -> None:
    scene = make_scene()
    pooled = Weight("label.weight", "input", randn(7, 9, 16), "pooled")
    operator = make_operator(9, width=16, rank=2)
    plain = make_erasure()
    part = replace(plain.parts["tokens"], operator=operator)
    erasure = replace(plain, parts={**plain.parts, "pooled": part})
    probe, whole = make_text(1, 24, text="one"), make_text(2, 16, count=1, text="one", last_word=0)
    metrics = measure_erasure(erasure, [*scene.weights, pooled], [{"tokens": (probe,), "pooled": (whole,)}])
    alone = measure_erasure(plain, scene.weights, read(probe))
    assert metrics.drifts["tokens"] == alone.drifts["tokens"]
    assert metrics.changes[:-1] == alone.changes
    moved = (pooled.matrix @ (operator.apply_to_tokens(whole.tokens) - whole.tokens).T).norm()
    (drift,) = metrics.drifts["pooled"]
    assert drift == ("one", pytest.approx(float(moved / (pooled.matrix @ whole.tokens.T).norm()), rel=1e-9))
    text = describe_metrics(erasure, metrics)
    for expected in (
        "conditioning input 'pooled'",
        "drift of each probe in conditioning input 'tokens'",
        "label.weight",
    ):
        assert expected in text and expected not in describe_metrics(plain, alone)


def test_an_erasure_of_nothing_changes_nothing() -> None:
    scene = make_scene()
    erasure = change_tokens(operator=Operator.identity(24))
    metrics = measure_erasure(erasure, scene.weights, read(*scene.texts.probes))
    assert {each.change for each in metrics.changes} == {0.0}
    assert metrics.drifts["tokens"][0][1] == 0


def test_value_erasers_and_orthogonal_maps_count() -> None:
    scene = make_scene()
    plain = measure_erasure(make_erasure(), scene.weights, read(*scene.texts.probes))
    height = len(scene.weights[1].matrix)
    eraser = ValueEraser(randn(1, height, 1), randn(2, height, 1), randn(3, 1))
    erasure = change_tokens(settings=EraseSettings(seal=1.0), value_erasers={scene.weights[1].name: eraser})
    with_eraser = measure_erasure(erasure, scene.weights, read(*scene.texts.probes))
    changed = [new.change != old.change for new, old in zip(with_eraser.changes, plain.changes, strict=True)]
    assert changed == [False, True, False, False]
    assert with_eraser.drifts["tokens"][0][1] > plain.drifts["tokens"][0][1]
    pairs = [(weight, weight.matrix + erasure.change_of(weight)) for weight in scene.weights]
    pair, _ = accumulate_pair_grams(pairs, {scene.weights[1].name: eraser.constant(1.0)})
    assert with_eraser.drifts["tokens"][0][1] == pytest.approx(measure_drift(pair, scene.texts.probes[0].tokens))


def test_the_text_has_every_text_and_every_weight() -> None:
    scene = make_scene()
    erasure = make_erasure()
    text = describe_metrics(erasure, measure_erasure(erasure, scene.weights, read(*scene.texts.probes)))
    for expected in ("a circle => a square", "epoch 2", "'words'", *(weight.name for weight in scene.weights)):
        assert expected in text
