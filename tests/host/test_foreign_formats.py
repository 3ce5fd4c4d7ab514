"""Models that other node packs have quantised are refused by the name of their format, and the queue works on."""

from __future__ import annotations

import pytest

from harness.client import Client
from tests.host.graphs import ModelGraph
from tests.host.refusals import refuse

FORMATS = (
    *("Nunchaku", "bitsandbytes in 4 bits", "bitsandbytes in 8 bits", "torchao", "AWQ", "GPTQ"),
    "an int8 pack",
)


@pytest.mark.parametrize("name", FORMATS)
def test_it_is_refused_with_what_works_instead(client: Client, name: str) -> None:
    graph = ModelGraph()
    foreign = graph.add("ProbeForeignModel", model=graph.model, format=name)
    graph.iterate(foreign[0])
    loader = "Nunchaku's own" if name == "Nunchaku" else "these nodes' own"
    refuse(client, graph, f"is quantised by {name}.*the unquantised model of its family.*RECE Save Erasure.*{loader}")


def test_the_same_model_in_floats_is_erased(client: Client) -> None:
    """The control."""
    graph = ModelGraph()
    same = graph.add("ProbeForeignModel", model=graph.model, format="none")
    report = graph.show(graph.iterate(same[0])[2])
    assert "stored as float32" in client.run(graph).text(report)[0]
