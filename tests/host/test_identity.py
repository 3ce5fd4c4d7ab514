"""Edited model given c equals original model given M c, through the stock sampler; the original stays as it is."""

from __future__ import annotations

import pytest

from harness.client import Client
from tests.host.graphs import CLEAR, ROUNDING, ModelGraph, difference, read_hashes, require_same, see


@pytest.mark.parametrize("iteration", ["paper", "cumulative"])
def test_the_edited_model_acts_as_the_original_on_m_c(client: Client, iteration: str) -> None:
    graph = ModelGraph()
    erased = graph.iterate(iteration=iteration, epochs=2)
    texts = graph.encode("a red circle"), graph.encode("")
    moved = [graph.add("ProbeApplyOperator", conditioning=text, erasure=erased[1])[0] for text in texts]
    edited = graph.sample(erased[0], *texts)
    on_moved = graph.sample(graph.model, *moved)
    original = graph.sample(graph.model, *texts)

    result = client.run(graph)
    assert difference(see(result, edited), see(result, on_moved)) <= ROUNDING
    assert difference(see(result, edited), see(result, original)) >= CLEAR


@pytest.mark.parametrize("kind", ["ReceIterate", "ReceEditModel"])
def test_the_original_model_is_untouched_to_the_bit(client: Client, kind: str) -> None:
    before = ModelGraph()
    hashed, drawn = before.hash(), before.sample()
    first = client.run(before)

    graph = ModelGraph()
    erased = graph.iterate() if kind == "ReceIterate" else graph.edit()
    changed, redrawn = graph.hash(erased[0]), graph.sample(erased[0])
    during = client.run(graph)
    assert graph.loader.id in during.cached(), "the model must be the very object that was hashed before"

    hashed_again, drawn_again = graph.hash(run=1), graph.sample()
    after = client.run(graph)
    assert read_hashes(after, hashed_again) == read_hashes(first, hashed)
    require_same(see(after, drawn_again), see(first, drawn))
    assert read_hashes(during, changed)[0] == read_hashes(first, hashed)[0]
    assert read_hashes(during, changed)[1] != read_hashes(first, hashed)[1]
    assert difference(see(during, redrawn), see(first, drawn)) >= CLEAR
