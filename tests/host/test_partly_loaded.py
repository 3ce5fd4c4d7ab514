"""Where the host loads a model in part and patches weights at each use, an erasure draws the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.client import Client
from harness.environment import ROOT
from harness.server import PACK_NAME
from tests.host.conftest import StartServer
from tests.host.graphs import CLEAR, ON_CPU, ROUNDING, ModelGraph, difference, see

PARTIAL_PACK = Path(__file__).parent / "partial_pack"
MODES = [("prior", 1.0), ("strict", 0.0), ("orthogonal", 1.0)]


@pytest.mark.skipif(not ON_CPU, reason="a GPU is told with --novram")
def test_it_draws_what_it_draws_when_loaded_whole(client: Client, start_server: StartServer) -> None:
    graph = ModelGraph()
    models = [graph.model, *(graph.iterate(mode=mode, seal=seal)[0] for mode, seal in MODES)]
    nodes = [graph.sample(model) for model in models]
    whole = client.run(graph)
    server = start_server(packs={PACK_NAME: ROOT, "partial": PARTIAL_PACK})
    with Client(server.url) as other:
        part = other.run(graph)
    log = server.log_text()
    assert re.search(r"loaded partially.*lowvram patches: [1-9]", log), "control: patches came with each use"
    original, *erased = (see(part, node) for node in nodes)
    for node, picture in zip(nodes, (original, *erased), strict=True):
        assert difference(picture, see(whole, node)) <= ROUNDING
    assert min(difference(picture, original) for picture in erased) >= CLEAR
