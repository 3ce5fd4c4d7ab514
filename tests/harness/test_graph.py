from __future__ import annotations

import pytest

from harness.graph import Graph


def test_links_values_and_titles_in_the_api_format() -> None:
    graph = Graph()
    loader = graph.add("Loader")
    graph.add("Sampler", model=loader, clip=loader[1], steps=20, sigmas=[1.0, 0.0]).titled("Mine")
    assert graph.prompt() == {
        "1": {"class_type": "Loader", "inputs": {}, "_meta": {"title": "Loader"}},
        "2": {
            "class_type": "Sampler",
            "inputs": {"model": ["1", 0], "clip": ["1", 1], "steps": 20, "sigmas": {"__value__": [1.0, 0.0]}},
            "_meta": {"title": "Mine"},
        },
    }


def test_groups_nest_and_end() -> None:
    graph = Graph()
    with graph.group("outer"):
        with graph.group("inner"):
            inner = graph.add("A")
        outer = graph.add("B")
    after = graph.add("C")
    assert (inner.group, outer.group, after.group) == ("inner", "outer", None)


def test_outputs_cannot_be_unpacked_or_counted_from_the_end() -> None:
    node = Graph().add("Loader")
    with pytest.raises(TypeError, match=r"how many outputs Loader has; take them as node\[0\]"):
        _, _ = node
    with pytest.raises(IndexError, match="output -1 of Loader: outputs count from 0"):
        node[-1]
