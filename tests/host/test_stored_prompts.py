"""Prompts that name few inputs, as those stored by earlier versions do, run with the defaults of the rest."""

from __future__ import annotations

import numpy as np

from demo.graphs import add_pictures, add_prompt
from harness.client import Client
from harness.graph import Graph
from harness.widgets import read_defaults


def draw(client: Client, **iterate: object) -> np.ndarray:
    """A red circle after circles were erased, by RECE Concepts with targets alone and RECE Iterate with `iterate`."""
    graph = Graph()
    demo = graph.add("ReceDemoModel", model="shapes")
    concepts = graph.add("ReceConcepts", targets="circle => square")
    erased = graph.add("ReceIterate", model=demo[0], clip=demo[1], concepts=concepts[0], **iterate)
    picture = add_pictures(graph, demo, erased[0], add_prompt(graph, demo, "a red circle"), seed=1, count=1)
    node = graph.add("PreviewImage", images=picture)
    return client.run(graph).images(node)[0]


def test_what_a_prompt_leaves_out_has_its_default(client: Client) -> None:
    left_out = draw(client)
    named = draw(client, **read_defaults(client.object_info()["ReceIterate"]))
    other = draw(client, schedule="manual", mode="paper", seal=0.0, epochs=0)
    assert np.array_equal(left_out, named)
    assert not np.array_equal(left_out, other), "control"


def test_an_erasure_is_applied_and_saved_with_few_inputs(client: Client) -> None:
    graph = Graph()
    demo = graph.add("ReceDemoModel", model="shapes")
    concepts = graph.add("ReceConcepts", targets="circle => square")
    edited = graph.add("ReceEditModel", model=demo[0], clip=demo[1], concepts=concepts[0])
    graph.add("ReceApplyErasure", model=demo[0], clip=demo[1], erasure=edited[1])
    saved = graph.add("ReceSaveErasure", erasure=edited[1])
    told = client.run(graph).outputs[saved[0].node]
    assert told
