"""What an erasure changes, measured: against the weights themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rece_core.concepts import parse_concepts
from rece_core.erase import EpochRecord
from rece_core.erasure import Erasure
from rece_core.evidence import describe_evidence, gather_evidence
from rece_core.fingerprint import fingerprint
from rece_core.gram import accumulate_pair_grams
from rece_core.measures import measure_drift
from rece_core.operator import Operator
from rece_core.seal import Seal
from rece_core.settings import EraseSettings
from tests.core.random_models import make_operator, make_scene, make_text, randn


def make_erasure() -> Erasure:
    return Erasure(
        operator=make_operator(5, width=24, rank=4),
        concepts=parse_concepts("custom", "a circle => a square\na disc"),
        settings=EraseSettings(epochs=2),
        records=tuple(EpochRecord(epoch, 0.9, 0.2, 1.0, 0.01, 4, 9.0, 0.1) for epoch in range(3)),
        encoder=fingerprint(randn(1, 77, 24)),
        base=fingerprint(randn(2, 24, 24)),
    )


def test_changes_and_drifts_are_those_of_the_edited_weights() -> None:
    scene = make_scene()
    erasure = make_erasure()
    probes = (make_text(1, 24, text="one"), make_text(2, 24, text="other"))
    evidence = gather_evidence(erasure, iter(scene.weights), probes)
    matrix = erasure.operator.matrix()
    assert [(each.name, each.role) for each in evidence.changes] == [(each.name, each.role) for each in scene.weights]
    for found, weight in zip(evidence.changes, scene.weights, strict=True):
        expected = (weight.matrix @ matrix - weight.matrix).norm() / weight.matrix.norm()
        assert found.change == pytest.approx(float(expected), rel=1e-9)
    for (text, drift), probe in zip(evidence.drifts, probes, strict=True):
        moved = sum((w.matrix @ (matrix @ probe.tokens.T - probe.tokens.T)).square().sum() for w in scene.weights)
        whole = sum((w.matrix @ probe.tokens.T).square().sum() for w in scene.weights)
        assert text == probe.text
        assert drift == pytest.approx(float(moved / whole) ** 0.5, rel=1e-6)
    assert evidence.records == erasure.records


def test_an_erasure_of_nothing_changes_nothing() -> None:
    scene = make_scene()
    erasure = replace(make_erasure(), operator=Operator.identity(24))
    evidence = gather_evidence(erasure, scene.weights, scene.texts.probes)
    assert {each.change for each in evidence.changes} == {0.0}
    assert evidence.drifts[0][1] == 0


def test_seals_and_rotations_count() -> None:
    scene = make_scene()
    plain = gather_evidence(make_erasure(), scene.weights, scene.texts.probes)
    height = len(scene.weights[1].matrix)
    seal = Seal(randn(1, height, 1), randn(2, height, 1), randn(3, 1))
    erasure = replace(make_erasure(), settings=EraseSettings(seal=1.0), seals={scene.weights[1].name: seal})
    sealed = gather_evidence(erasure, scene.weights, scene.texts.probes)
    changed = [new.change != old.change for new, old in zip(sealed.changes, plain.changes, strict=True)]
    assert changed == [False, True, False, False]
    assert sealed.drifts[0][1] > plain.drifts[0][1]
    pairs = [(weight, weight.matrix + erasure.change_of(weight)) for weight in scene.weights]
    pair, _ = accumulate_pair_grams(pairs, {scene.weights[1].name: seal.constant(1.0)})
    assert sealed.drifts[0][1] == pytest.approx(measure_drift(pair, scene.texts.probes[0].tokens))


def test_the_text_has_every_text_and_every_weight() -> None:
    scene = make_scene()
    erasure = make_erasure()
    text = describe_evidence(erasure, gather_evidence(erasure, scene.weights, scene.texts.probes))
    for expected in ("a circle => a square", "epoch 2", "'words'", *(weight.name for weight in scene.weights)):
        assert expected in text
