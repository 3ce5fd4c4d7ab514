"""What the host does to any model, it can do to an erased one."""

from __future__ import annotations

from harness.client import Client
from tests.host.graphs import CLEAR, ROUNDING, ModelGraph, difference, require_same, see


def test_unloaded_and_loaded_again_it_draws_the_same(client: Client) -> None:
    pictures = []
    for _ in range(2):
        client.free()  # cached results too
        graph = ModelGraph()
        drawn = graph.sample(graph.iterate()[0])
        result = client.run(graph)
        assert not result.cached()
        pictures.append(see(result, drawn))
    require_same(*pictures)


def test_merged_with_the_original_it_is_either_of_them(client: Client) -> None:
    graph = ModelGraph()
    erased = graph.iterate()[0]
    merges = [graph.add("ModelMergeSimple", model1=erased, model2=graph.model, ratio=ratio)[0] for ratio in (1.0, 0.0)]
    as_erased, as_original = (graph.sample(merge) for merge in merges)
    erased_picture, original = graph.sample(erased), graph.sample()
    result = client.run(graph)
    assert difference(see(result, erased_picture), see(result, original)) >= CLEAR
    assert difference(see(result, as_erased), see(result, erased_picture)) <= ROUNDING
    assert difference(see(result, as_original), see(result, original)) <= ROUNDING
