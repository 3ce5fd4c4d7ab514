"""Graphs that are to fail: with what they say, and that the host goes on."""

from __future__ import annotations

import pytest

from harness.client import Client, NodeFailed
from harness.graph import Graph
from tests.host.graphs import ModelGraph, read_hashes, require_alive


def refuse(client: Client, graph: Graph, message: str) -> None:
    """The graph fails with `message`, and the queue works on."""
    with pytest.raises(NodeFailed, match=message):
        client.run(graph)
    require_alive(client)


def refuse_unharmed(client: Client, graph: Graph, message: str) -> None:
    """The graph fails with `message`, the demo model is what it was, and the queue works on."""
    plain = ModelGraph()
    hashed = plain.hash()
    before = read_hashes(client.run(plain), hashed)
    with pytest.raises(NodeFailed, match=message):
        client.run(graph)
    again = ModelGraph()
    hashed = again.hash(run=1)
    result = client.run(again)
    assert again.loader.id in result.cached(), "the model must be the very object that was given to the node"
    assert read_hashes(result, hashed) == before
    require_alive(client)
