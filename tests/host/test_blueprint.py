"""The subgraph blueprint: as the host lists it, and as it works once a page has put it onto the canvas."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import requests

from example_workflows.blueprint import FILE, INPUTS, NAME, OUTPUTS, SHOWN, make_blueprint
from harness.client import Client
from harness.graph import Node, Output
from harness.server import PACK_NAME, Server
from harness.workflow import to_api
from tests.host.graphs import CLEAR, TARGET, ModelGraph, difference, see

BLUEPRINT = json.loads(FILE.read_text("utf-8"))
SUBGRAPH = BLUEPRINT["definitions"]["subgraphs"][0]


def test_it_is_as_it_is_written(object_info: Mapping[str, Any]) -> None:
    """After a change to a node run `python -m example_workflows.build`."""
    assert make_blueprint(object_info) == BLUEPRINT


def test_the_host_lists_it(server: Server) -> None:
    with requests.Session() as session:
        session.trust_env = False  # a proxy must not get in between two programs of the same machine
        listed = session.get(f"{server.url}/global_subgraphs", timeout=30).json()
        (key,) = (key for key, entry in listed.items() if entry["info"]["node_pack"].endswith(PACK_NAME))
        entry = session.get(f"{server.url}/global_subgraphs/{key}", timeout=30).json()
    assert entry["name"] == NAME
    assert json.loads(entry["data"]) == BLUEPRINT


def test_one_node_with_model_and_clip_in_and_model_out() -> None:
    (node,) = BLUEPRINT["nodes"]
    assert node["type"] == SUBGRAPH["id"]
    for ends in (node, SUBGRAPH):
        assert [(end["name"], end["type"]) for end in ends["inputs"]] == [("model", "MODEL"), ("clip", "CLIP")]
        assert [(end["name"], end["type"]) for end in ends["outputs"]] == [("model", "MODEL")]
    inside = {str(each["id"]): each["type"] for each in SUBGRAPH["nodes"]}
    shown = [(inside[number], name) for number, name in node["properties"]["proxyWidgets"]]
    assert shown == [(kind, name) for kind, names in SHOWN.items() for name in names]


def test_every_link_is_known_at_both_ends() -> None:
    nodes = {node["id"]: node for node in SUBGRAPH["nodes"]}
    for link in SUBGRAPH["links"]:
        number, origin, target = link["id"], link["origin_id"], link["target_id"]
        if origin == INPUTS:
            assert SUBGRAPH["inputs"][link["origin_slot"]]["linkIds"] == [number]
        else:
            assert number in nodes[origin]["outputs"][link["origin_slot"]]["links"]
        if target == OUTPUTS:
            assert SUBGRAPH["outputs"][link["target_slot"]]["linkIds"] == [number]
        else:
            assert nodes[target]["inputs"][link["target_slot"]]["link"] == number


def test_it_erases(client: Client, object_info: Mapping[str, Any]) -> None:
    graph = ModelGraph()
    before = graph.sample()
    erased = graph.sample(add_inside(graph, object_info, f"{TARGET} => a blue square"))
    result = client.run(graph)
    assert difference(see(result, before), see(result, erased)) >= CLEAR
    assert np.std(see(result, erased)) > 5


def add_inside(graph: ModelGraph, object_info: Mapping[str, Any], targets: str) -> Output:
    """The nodes of the subgraph in `graph`, fed by its model, with `targets` typed; the MODEL that comes out."""
    ends = {"model": graph.model, "clip": graph.clip}
    links = [[*link.values()] for link in SUBGRAPH["links"] if link["origin_id"] != INPUTS]
    nodes = [
        node | {"inputs": [entry | {"link": None} if entry["name"] in ends else entry for entry in node["inputs"]]}
        for node in SUBGRAPH["nodes"]
    ]
    added: dict[str, Node] = {}
    for number, told in to_api({"nodes": nodes, "links": links}, object_info).items():
        inputs = {
            name: added[value[0]][value[1]] if isinstance(value, list) else value
            for name, value in told["inputs"].items()
        }
        more = {"targets": targets} if told["class_type"] == "ReceConcepts" else ends
        added[number] = graph.add(told["class_type"], **{**inputs, **more})
    (last,) = (link["origin_id"] for link in SUBGRAPH["links"] if link["target_id"] == OUTPUTS)
    return added[str(last)][0]
