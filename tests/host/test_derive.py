"""RECE Derive Embedding: what a model still knows of a target, as numbers and as an embedding to sample."""

from __future__ import annotations

import pytest

from harness.client import Client
from tests.host.graphs import CLEAR, ModelGraph, difference, see


def test_from_the_unedited_model_the_target_itself_comes_back(client: Client) -> None:
    graph = ModelGraph()
    derived = graph.derive(graph.model, derivation_ridge=1e-6)
    measures = [graph.show(derived[slot]) for slot in (2, 3)]
    brought_back, by_name, other = (
        graph.sample(positive=derived[0]),
        graph.sample(),
        graph.sample(positive=graph.encode("a blue square")),
    )
    result = client.run(graph)
    recoverable, norm_ratio = (float(result.text(node)[0]) for node in measures)
    assert recoverable == pytest.approx(1, abs=0.01)
    assert norm_ratio == pytest.approx(1, abs=0.01)
    near = difference(see(result, brought_back), see(result, by_name))
    assert near <= 8
    assert difference(see(result, other), see(result, by_name)) >= max(CLEAR, 4 * near)


def test_from_an_erased_model_less_comes_back(client: Client) -> None:
    graph = ModelGraph()
    first, last = graph.iterate(epochs=0), graph.iterate(epochs=3)
    unedited, edited, iterated = (graph.derive(model) for model in (graph.model, first[0], last[0]))
    shown = [graph.show(each[2]) for each in (unedited, edited, iterated)]
    sampled = graph.sample(first[0], edited[0])
    result = client.run(graph)
    before, after_edit, after_epochs = (float(result.text(node)[0]) for node in shown)
    assert before > after_edit > after_epochs >= 0
    assert "'a red circle': forgotten" in result.text(iterated)[0]
    assert see(result, sampled).std() > 0
