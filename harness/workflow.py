"""Convert between the two formats of a workflow: the page's (nodes with places, links) and the API's (a prompt).

The page's format is its version 0.4. What the page resolves before it queues a workflow is resolved here by the same
rules: widget values by position, muted and bypassed nodes, reroutes, primitives and notes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .graph import Graph, Node, Output, as_output
from .layout import NOTE_SIZE, Placement, place
from .widgets import Input, load_values, read_inputs, save_values

NEVER, BYPASS = 2, 4
NOTES = frozenset({"Note", "MarkdownNote"})
PAGE_ONLY = NOTES | {"Reroute", "PrimitiveNode"}
FORMAT_VERSION = 0.4

ObjectInfo = Mapping[str, Mapping[str, Any]]


def to_api(workflow: Mapping[str, Any], object_info: ObjectInfo) -> dict[str, dict[str, Any]]:
    """Turn a workflow as the page saves it into a prompt for the API.

    `object_info` is the server's answer to /object_info. Raises ValueError for a node type that the server does not
    have, and for subgraphs.
    """
    if workflow.get("definitions", {}).get("subgraphs"):
        raise ValueError(
            "The workflow has subgraphs, which cannot be converted. Unpack them on the page and save again."
        )
    resolver = _Resolver(workflow)
    prompt = {}
    for node in workflow["nodes"]:
        if node["type"] in PAGE_ONLY or node.get("mode", 0) in (NEVER, BYPASS):
            continue
        info = _describe(node["type"], object_info)
        inputs = {name: _wrap(value) for name, value in load_values(info, node.get("widgets_values")).items()}
        for entry in node.get("inputs", []):
            source = resolver.follow(entry.get("link"), entry["type"])
            if isinstance(source, Output):
                inputs[entry["name"]] = [source.node, source.slot]
            elif source is not None:
                inputs[entry["name"]] = _wrap(source[0])
        title = node.get("title") or info.get("display_name") or node["type"]
        prompt[str(node["id"])] = {"class_type": node["type"], "inputs": inputs, "_meta": {"title": title}}
    return prompt


class _Resolver:
    """Follows links back to what feeds them."""

    def __init__(self, workflow: Mapping[str, Any]) -> None:
        self.nodes = {node["id"]: node for node in workflow["nodes"]}
        self.links = {link[0]: (link[1], link[2]) for link in workflow["links"]}

    def follow(self, link: int | None, type: str) -> Output | tuple[Any] | None:
        """The output at the link's start, or a primitive's value in a tuple, or None where nothing arrives."""
        if link is None:
            return None
        origin, slot = self.links[link]
        node = self.nodes[origin]
        if node["type"] == "PrimitiveNode":
            return (node["widgets_values"][0],)
        if node["type"] == "Reroute":
            return self.follow(node["inputs"][0].get("link"), type)
        if node.get("mode", 0) == NEVER:
            return None
        if node.get("mode", 0) == BYPASS:
            entry = _passed_input(node, slot, type)
            return None if entry is None else self.follow(entry.get("link"), type)
        return Output(str(origin), slot)


def _passed_input(node: Mapping[str, Any], slot: int, type: str) -> Mapping[str, Any] | None:
    """The input that a bypassed node hands on as its output `slot`: the one opposite, or the first that fits."""
    inputs = node.get("inputs", [])
    if slot < len(inputs) and inputs[slot]["type"] in (type, "*"):
        return dict(inputs[slot])
    return next((dict(entry) for entry in inputs if entry["type"] == type), None)


def to_ui(graph: Graph, object_info: ObjectInfo) -> dict[str, Any]:
    """Turn a graph into a workflow that the page opens, laid out from left to right, its groups in frames.

    Raises ValueError for a node type or an input that the server does not have.
    """
    described = {node.id: _describe(node.class_type, object_info) for node in graph.nodes.values()}
    for node in graph.nodes.values():
        _check_inputs(node, read_inputs(described[node.id]))
    layout = place(graph, described)
    links = _Links(graph, described)
    nodes = [
        _ui_node(node, described[node.id], layout, links, order) for order, node in enumerate(graph.nodes.values())
    ]
    notes = [_ui_note(text, len(nodes) + 1 + i, layout.notes[i]) for i, text in enumerate(graph.notes)]
    groups = [
        {"id": i + 1, "title": title, "bounding": [*box], "color": "#3f789e", "font_size": 24, "flags": {}}
        for i, (title, box) in enumerate(layout.groups.items())
    ]
    return {
        "last_node_id": len(nodes) + len(notes),
        "last_link_id": len(links.entries),
        "nodes": nodes + notes,
        "links": links.entries,
        "groups": groups,
        "config": {},
        "extra": {},
        "version": FORMAT_VERSION,
    }


class _Links:
    """All links of a graph, numbered from 1, by both of their ends."""

    def __init__(self, graph: Graph, described: Mapping[str, Mapping[str, Any]]) -> None:
        self.entries: list[list[Any]] = []
        self.into: dict[tuple[str, str], int] = {}
        self.out_of: dict[tuple[str, int], list[int]] = {}
        for node in graph.nodes.values():
            for slot, each in enumerate(page_inputs(node, described[node.id])):
                output = as_output(node.inputs.get(each.name))
                if output is not None:
                    kind = described[output.node]["output"][output.slot]
                    number = len(self.entries) + 1
                    self.entries.append([number, int(output.node), output.slot, int(node.id), slot, kind])
                    self.into[node.id, each.name] = number
                    self.out_of.setdefault((output.node, output.slot), []).append(number)


def page_inputs(node: Node, info: Mapping[str, Any]) -> list[Input]:
    """The inputs that the page saves with a node: its sockets, then the widgets that are linked."""
    inputs = read_inputs(info)
    linked = [each for each in inputs if each.is_widget and as_output(node.inputs.get(each.name)) is not None]
    return [each for each in inputs if not each.is_widget] + linked


def _ui_node(node: Node, info: Mapping[str, Any], layout: Placement, links: _Links, order: int) -> dict[str, Any]:
    values = {name: value for name, value in node.inputs.items() if as_output(value) is None}
    x, y, width, height = layout.boxes[node.id]
    return {
        "id": int(node.id),
        "type": node.class_type,
        "pos": [x, y],
        "size": [width, height],
        "flags": {},
        "order": order,
        "mode": 0,
        **({"title": node.title} if node.title else {}),
        "inputs": [
            {
                "name": each.name,
                "type": each.type,
                **({"widget": {"name": each.name}} if each.is_widget else {}),
                "link": links.into.get((node.id, each.name)),
            }
            for each in page_inputs(node, info)
        ],
        "outputs": [
            {"name": name, "type": kind, "slot_index": slot, "links": links.out_of.get((node.id, slot), [])}
            for slot, (name, kind) in enumerate(zip(info["output_name"], info["output"], strict=True))
        ],
        "properties": {"Node name for S&R": node.class_type},
        "widgets_values": save_values(info, values),
    }


def _ui_note(text: str, number: int, position: tuple[int, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": "MarkdownNote",
        "pos": [*position],
        "size": [*NOTE_SIZE],
        "flags": {},
        "order": number - 1,
        "mode": 0,
        "inputs": [],
        "outputs": [],
        "properties": {},
        "widgets_values": [text],
        "color": "#432",
        "bgcolor": "#653",
    }


def _describe(class_type: str, object_info: ObjectInfo) -> Mapping[str, Any]:
    if class_type not in object_info:
        raise ValueError(
            f"The server has no node type {class_type!r}. Load the pack that brings it, or correct its name."
        )
    return object_info[class_type]


def _check_inputs(node: Node, inputs: list[Input]) -> None:
    known = [each.name for each in inputs]
    for name in node.inputs:
        if name not in known:
            raise ValueError(f"{node.class_type} has no input {name!r}; it has {', '.join(known) or 'none'}.")


def _wrap(value: Any) -> Any:
    return {"__value__": value} if isinstance(value, list) else value
