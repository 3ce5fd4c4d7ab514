"""Conversion between the page's and the API's format, on small node types written out as /object_info gives them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from harness.graph import Graph
from harness.layout import NOTE_SIZE
from harness.workflow import to_api, to_ui


def node_type(required: dict[str, Any], outputs: list[str], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    inputs = {"required": required, "optional": optional or {}}
    order = {kind: list(entries) for kind, entries in inputs.items()}
    return {"input": inputs, "input_order": order, "output": outputs, "output_name": outputs}


OBJECT_INFO = {
    "Load": node_type({"name": [["a.png", "b.png"], {"image_upload": True}]}, ["IMAGE", "MASK"], {"mark": ["STRING"]}),
    "Sample": node_type(
        {
            "image": ["IMAGE"],
            "seed": ["INT", {"default": 7}],
            "steps": ["INT", {"default": 20}],
            "sampler": ["COMBO", {"options": ["euler", "heun"]}],
            "forced": ["FLOAT", {"forceInput": True}],
        },
        ["IMAGE"],
        {"text": ["STRING", {"multiline": True}]},
    ),
    "Number": node_type({"value": ["INT", {"default": 3, "control_after_generate": True}]}, ["INT"]),
    "Save": node_type({"image": ["IMAGE"]}, []) | {"output_node": True},
}


def example() -> Graph:
    graph = Graph()
    with graph.group("First"):
        loaded = graph.add("Load", name="b.png")
        number = graph.add("Number", value=5)
    with graph.group("Second"):
        sampled = graph.add("Sample", image=loaded[0], seed=1, steps=number[0], text="hello").titled("Mine")
        graph.add("Save", image=sampled)
    graph.note("# A note")
    return graph


def ui_node(workflow: dict[str, Any], number: int) -> dict[str, Any]:
    found: dict[str, Any] = next(node for node in workflow["nodes"] if node["id"] == number)
    return found


def page_workflow() -> dict[str, Any]:
    """Load -> Reroute -> Sample -> Save, with a primitive for the steps, as a page would save it."""

    def node(number: int, kind: str, inputs: list[Any], values: Any, mode: int = 0) -> dict[str, Any]:
        entries = [{"name": name, "type": type, "link": link} for name, type, link in inputs]
        return {"id": number, "type": kind, "mode": mode, "inputs": entries, "widgets_values": values}

    return {
        "version": 0.4,
        "nodes": [
            node(1, "Load", [], ["b.png", "image", "m"]),
            node(2, "Reroute", [("", "*", 1)], []),
            node(3, "PrimitiveNode", [], [30, "fixed"]),
            node(4, "Sample", [("image", "IMAGE", 2), ("steps", "INT", 3)], [9, "randomize", 20, "heun", "hi"]),
            node(5, "Save", [("image", "IMAGE", 4)], []),
            node(6, "Note", [], ["to read"]),
        ],
        "links": [
            [1, 1, 0, 2, 0, "IMAGE"],
            [2, 2, 0, 4, 0, "IMAGE"],
            [3, 3, 0, 4, 1, "INT"],
            [4, 4, 0, 5, 0, "IMAGE"],
        ],
    }


def test_values_controls_reroutes_primitives_and_notes_are_resolved() -> None:
    prompt = to_api(page_workflow(), OBJECT_INFO)
    assert {node: entry["inputs"] for node, entry in prompt.items()} == {
        "1": {"name": "b.png", "mark": "m"},
        "4": {"image": ["1", 0], "seed": 9, "steps": 30, "sampler": "heun", "text": "hi"},
        "5": {"image": ["4", 0]},
    }


def test_a_muted_node_is_left_out_with_its_links() -> None:
    workflow = page_workflow()
    ui_node(workflow, 4)["mode"] = 2
    assert to_api(workflow, OBJECT_INFO)["5"]["inputs"] == {}
    assert "4" not in to_api(workflow, OBJECT_INFO)


def test_a_bypassed_node_hands_its_input_on() -> None:
    workflow = page_workflow()
    ui_node(workflow, 4)["mode"] = 4
    assert to_api(workflow, OBJECT_INFO)["5"]["inputs"] == {"image": ["1", 0]}


def test_a_bypassed_node_without_a_fitting_input_hands_nothing_on() -> None:
    workflow = page_workflow()
    ui_node(workflow, 1)["mode"] = 4
    assert "image" not in to_api(workflow, OBJECT_INFO)["4"]["inputs"]


def test_values_that_were_not_saved_take_their_defaults() -> None:
    workflow = page_workflow()
    ui_node(workflow, 4)["widgets_values"] = [9]
    inputs = to_api(workflow, OBJECT_INFO)["4"]["inputs"]
    assert (inputs["sampler"], inputs["text"]) == ("euler", "")


def test_values_saved_by_name() -> None:
    workflow = page_workflow()
    ui_node(workflow, 4)["widgets_values"] = {"seed": 4, "sampler": "heun"}
    inputs = to_api(workflow, OBJECT_INFO)["4"]["inputs"]
    assert (inputs["seed"], inputs["sampler"]) == (4, "heun")


def test_a_list_as_a_value_is_not_taken_for_a_link() -> None:
    workflow = page_workflow()
    ui_node(workflow, 4)["widgets_values"][4] = ["4", 0]
    assert to_api(workflow, OBJECT_INFO)["4"]["inputs"]["text"] == {"__value__": ["4", 0]}


def test_subgraphs_are_refused() -> None:
    workflow = page_workflow() | {"definitions": {"subgraphs": [{"id": "x"}]}}
    with pytest.raises(ValueError, match="has subgraphs, which cannot be converted. Unpack them"):
        to_api(workflow, OBJECT_INFO)


def test_inputs_that_depend_on_values_are_refused() -> None:
    info = OBJECT_INFO | {"Save": node_type({"format": ["COMFY_DYNAMICCOMBO_V3", {}]}, [])}
    with pytest.raises(ValueError, match="choice 'format' adds inputs to its node, which cannot be converted"):
        to_api(page_workflow(), info)


def test_an_unknown_node_type_is_named() -> None:
    workflow = page_workflow()
    ui_node(workflow, 4)["type"] = "Smaple"
    with pytest.raises(ValueError, match="no node type 'Smaple'"):
        to_api(workflow, OBJECT_INFO)


def test_an_unknown_input_is_named_with_those_there_are() -> None:
    graph = Graph()
    graph.add("Save", picture=1)
    with pytest.raises(ValueError, match="Save has no input 'picture'; it has image"):
        to_ui(graph, OBJECT_INFO)


def test_there_and_back_gives_the_same_prompt_with_defaults_filled_in() -> None:
    back = to_api(to_ui(example(), OBJECT_INFO), OBJECT_INFO)
    expected = example().prompt()
    expected["1"]["inputs"]["mark"] = ""
    expected["3"]["inputs"]["sampler"] = "euler"
    assert back == expected


def test_the_page_format_has_values_controls_and_both_ends_of_each_link() -> None:
    workflow = to_ui(example(), OBJECT_INFO)
    assert ui_node(workflow, 1)["widgets_values"] == ["b.png", "image", ""]
    sample = ui_node(workflow, 3)
    assert sample["widgets_values"] == [1, "fixed", 20, "euler", "hello"]
    assert [(entry["name"], "widget" in entry) for entry in sample["inputs"]] == [
        ("image", False),
        ("forced", False),
        ("steps", True),
    ]
    assert ui_node(workflow, 5) | {"type": "MarkdownNote", "widgets_values": ["# A note"]} == ui_node(workflow, 5)
    assert (workflow["last_node_id"], workflow["last_link_id"], workflow["version"]) == (5, 3, 0.4)
    for number, origin, slot, target, place, kind in workflow["links"]:
        assert number in ui_node(workflow, origin)["outputs"][slot]["links"]
        assert ui_node(workflow, target)["inputs"][place]["link"] == number
        assert ui_node(workflow, origin)["outputs"][slot]["type"] == kind


def test_neither_direction_changes_what_it_is_given() -> None:
    graph, workflow = example(), page_workflow()
    before = copy.deepcopy((graph, workflow))
    to_ui(graph, OBJECT_INFO)
    to_api(workflow, OBJECT_INFO)["4"]["inputs"]["seed"] = 0
    assert (graph, workflow) == before


def test_nothing_overlaps_links_in_a_group_run_to_the_right_and_groups_hold_their_members_one_below_the_other() -> None:
    workflow = to_ui(example(), OBJECT_INFO)
    boxes = {node["id"]: (*node["pos"], *node["size"]) for node in workflow["nodes"]}
    assert boxes[5][2:] == NOTE_SIZE
    for one, (x, y, width, height) in boxes.items():
        for other, (left, top, _, _) in boxes.items():
            inside = x <= left < x + width and y <= top < y + height
            assert one == other or not inside, (one, other)
    first, second = (1, 2), (3, 4)
    for _, origin, _, target, _, _ in workflow["links"]:
        if (origin in first) == (target in first):
            assert boxes[origin][0] + boxes[origin][2] < boxes[target][0]
        else:
            assert boxes[origin][1] < boxes[target][1]
    for group, members in zip(workflow["groups"], [first, second], strict=True):
        left, top, width, height = group["bounding"]
        for x, y, node_width, node_height in (boxes[member] for member in members):
            assert left < x and x + node_width < left + width
            assert top < y and y + node_height < top + height


def test_a_source_stands_next_to_what_it_feeds() -> None:
    graph = Graph()
    image = graph.add("Load")
    number = graph.add("Number")
    first = graph.add("Sample", image=image[0])
    last = graph.add("Sample", image=first[0], steps=number[0])
    workflow = to_ui(graph, OBJECT_INFO)
    assert ui_node(workflow, int(number.id))["pos"][0] == ui_node(workflow, int(first.id))["pos"][0]
    assert ui_node(workflow, int(last.id))["pos"][0] > ui_node(workflow, int(first.id))["pos"][0]
