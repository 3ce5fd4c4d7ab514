"""The subgraph blueprint "Erase a concept": MODEL and CLIP in, MODEL out, as newer pages list it beside the nodes.

The file is a workflow of one node, whose type is the id of the subgraph that the file defines. Inside, -10 and -20
stand for the subgraph's own inputs and outputs.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.graph import Graph
from harness.workflow import to_ui

NAME = "Erase a concept"
FILE = Path(__file__).parents[1] / "subgraphs" / f"{NAME}.json"
DESCRIPTION = "Makes a model forget concepts, in closed form: MODEL and CLIP in, the erased MODEL out."
INPUTS, OUTPUTS = -10, -20
WAYS_IN, WAY_OUT = (("model", "MODEL"), ("clip", "CLIP")), ("model", "MODEL")
#: What the one node shows of those inside: widgets by node type.
SHOWN = {
    "ReceConcepts": ("kind", "targets", "default_anchor", "preserve"),
    "ReceIterate": ("thoroughness", "carefulness"),
}
SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "comfyui-rece/subgraphs")
#: Newer pages give nodes inside other ids where a graph has these already, and lose what is shown of them.
FIRST_ID = 12383
END_SIZE, GAP = (120, 80), 60


def make_blueprint(object_info: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The blueprint in the page's format, with the widgets and their defaults that the nodes have by `object_info`."""
    graph = Graph()
    graph.add("ReceIterate", concepts=graph.add("ReceConcepts"))
    inside = _renumber(to_ui(graph, object_info))
    ids = {node["type"]: node["id"] for node in inside["nodes"]}
    subgraph = _define(inside, ids)
    node = {
        "id": 1,
        "type": subgraph["id"],
        "pos": [0, 0],
        "size": [400, 460],
        "flags": {},
        "order": 0,
        "mode": 0,
        "title": NAME,
        "inputs": [{"name": name, "type": kind, "link": None} for name, kind in WAYS_IN],
        "outputs": [{"name": WAY_OUT[0], "type": WAY_OUT[1], "links": []}],
        "properties": {"proxyWidgets": [[str(ids[kind]), name] for kind, names in SHOWN.items() for name in names]},
        "widgets_values": [],
    }
    top = {"revision": 0, "last_node_id": 1, "last_link_id": 0, "nodes": [node], "links": [], "version": 0.4}
    return top | {"definitions": {"subgraphs": [subgraph]}}


def _renumber(workflow: dict[str, Any]) -> dict[str, Any]:
    """The workflow with ids from FIRST_ID on."""
    ids = {node["id"]: FIRST_ID + index for index, node in enumerate(workflow["nodes"])}
    nodes = [node | {"id": ids[node["id"]]} for node in workflow["nodes"]]
    links = [[link[0], ids[link[1]], link[2], ids[link[3]], *link[4:]] for link in workflow["links"]]
    return workflow | {"nodes": nodes, "links": links}


def _define(inside: Mapping[str, Any], ids: Mapping[str, int]) -> dict[str, Any]:
    """The subgraph itself: RECE Concepts and RECE Iterate, the latter's ends connected to the subgraph's own."""
    links = [_link(*link) for link in inside["links"]]
    iterate = next(node for node in inside["nodes"] if node["type"] == "ReceIterate")
    ways_in = []
    for slot, (name, kind) in enumerate(WAYS_IN):
        place = next(i for i, entry in enumerate(iterate["inputs"]) if entry["name"] == name)
        links.append(_link(len(links) + 1, INPUTS, slot, iterate["id"], place, kind))
        iterate["inputs"][place]["link"] = links[-1]["id"]
        ways_in.append(_describe_end("in", name, kind, links[-1]))
    links.append(_link(len(links) + 1, iterate["id"], 0, OUTPUTS, 0, WAY_OUT[1]))
    iterate["outputs"][0]["links"] = [links[-1]["id"]]
    left = min(node["pos"][0] for node in inside["nodes"]) - END_SIZE[0] - GAP
    right = max(node["pos"][0] + node["size"][0] for node in inside["nodes"]) + GAP
    return {
        "id": str(uuid.uuid5(SPACE, NAME)),
        "version": 1,
        "state": {"lastGroupId": 0, "lastNodeId": max(ids.values()), "lastLinkId": len(links), "lastRerouteId": 0},
        "revision": 0,
        "config": {},
        "name": NAME,
        "category": "RECE",
        "description": DESCRIPTION,
        "inputNode": {"id": INPUTS, "bounding": [left, 0, *END_SIZE]},
        "outputNode": {"id": OUTPUTS, "bounding": [right, 0, *END_SIZE]},
        "inputs": ways_in,
        "outputs": [_describe_end("out", *WAY_OUT, links[-1])],
        "widgets": [],
        "nodes": inside["nodes"],
        "groups": [],
        "links": links,
        "extra": {},
    }


def _link(number: int, origin: int, slot: int, target: int, place: int, kind: str) -> dict[str, Any]:
    ends = {"origin_id": origin, "origin_slot": slot, "target_id": target, "target_slot": place}
    return {"id": number, **ends, "type": kind}


def _describe_end(side: str, name: str, kind: str, link: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": str(uuid.uuid5(SPACE, f"{side} {name}")), "name": name, "type": kind, "linkIds": [link["id"]]}
