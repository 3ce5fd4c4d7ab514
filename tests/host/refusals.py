"""Graphs that are to fail: with what they say, and that the host goes on."""

from __future__ import annotations

import pytest

from harness.client import Client, NodeFailed
from harness.graph import Graph
from tests.host.graphs import require_alive, unharmed


def refuse(client: Client, graph: Graph, message: str) -> None:
    """The graph fails with `message`, and the queue works on."""
    with pytest.raises(NodeFailed, match=message):
        client.run(graph)
    require_alive(client)


def refuse_unharmed(client: Client, graph: Graph, message: str) -> None:
    """The graph fails with `message`, the demo model is what it was, and the queue works on."""
    with unharmed(client), pytest.raises(NodeFailed, match=message):
        client.run(graph)
