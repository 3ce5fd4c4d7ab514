"""RECE Erase is RECE Concepts and RECE Iterate: the same weights to the bit, and other weights for another value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from harness.client import Client
from harness.graph import Node
from harness.widgets import read_defaults
from tests.host.graphs import ModelGraph, read_hashes
from tests.host.refusals import refuse_unharmed

TYPED = {"kind": "custom", "targets": "circle, disc\nstar => cross", "default_anchor": "square"}
Info = Mapping[str, Any]


@pytest.mark.parametrize("thoroughness", [0.5, 0.2])
def test_the_two_nodes_with_its_values_give_the_same_weights(
    client: Client, object_info: Info, thoroughness: float
) -> None:
    graph = ModelGraph()
    one = _erase(graph, TYPED, thoroughness)
    two = _erase_by_two(graph, object_info, TYPED, thoroughness)
    other = _erase_by_two(graph, object_info, {**TYPED, "default_anchor": "heart"}, thoroughness)
    hashed = [graph.hash(node[0]) for node in (one, two, other)]
    told = [graph.show(node[2]) for node in (one, two)]
    result = client.run(graph)
    original, erased = read_hashes(result, hashed[0])
    assert erased != original
    assert read_hashes(result, hashed[1]) == (original, erased)
    assert read_hashes(result, hashed[2])[1] != erased, "control: another value, other weights"
    assert result.text(told[0]) == result.text(told[1])


def test_the_slider_goes_from_gentle_to_thorough(client: Client) -> None:
    graph = ModelGraph()
    hashed = [graph.hash(_erase(graph, TYPED, each)[0]) for each in (0.0, 1.0)]
    result = client.run(graph)
    gentle, thorough = (read_hashes(result, each)[1] for each in hashed)
    assert gentle != thorough


def test_without_a_target_it_says_what_to_do(client: Client) -> None:
    graph = ModelGraph()
    graph.hash(_erase(graph, {**TYPED, "targets": ""}, 0.5)[0])
    refuse_unharmed(client, graph, r"ReceErase .*no target was given\. Write at least one, a line each")


def _erase(graph: ModelGraph, typed: Info, thoroughness: float) -> Node:
    return graph.add("ReceErase", model=graph.model, clip=graph.clip, **typed, thoroughness=thoroughness)


def _erase_by_two(graph: ModelGraph, object_info: Info, typed: Info, thoroughness: float) -> Node:
    concepts = graph.add("ReceConcepts", **{**read_defaults(object_info["ReceConcepts"]), **typed})
    sliders = {"thoroughness": thoroughness, "carefulness": round(1 - thoroughness, 10)}
    widgets = {**read_defaults(object_info["ReceIterate"]), **sliders}
    return graph.add("ReceIterate", model=graph.model, clip=graph.clip, concepts=concepts, **widgets)
