"""The example workflows, each run as it stands; for checkpoints of one's own the small model stands in."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from PIL import Image

from example_workflows.build import SIDE, make_workflow, small_model_standing_in
from example_workflows.models import MODELS
from example_workflows.own import ERASED
from example_workflows.templates import TEMPLATES
from harness.client import Client
from harness.environment import ROOT
from harness.server import Server
from harness.workflow import to_api

FOLDER = ROOT / "example_workflows"
# What it saves; the others save one sheet.
PICTURES = {"01": 4, "03": 4, "08": 2}
BUILDS = {template.name: template for template in TEMPLATES}
MOST_NODES, MOST_AT_FIRST = 15, 8
PIXELS, STEPS = 128, 4  # where the small model stands in: of the size that it knows, and quick


@pytest.fixture(scope="module")
def checkpoints(server: Server) -> Iterator[None]:
    """The small model under the names of the checkpoints that workflows ask for."""
    with Client(server.url) as client, small_model_standing_in(client, server.base):
        yield


def read_workflow(name: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / f"{name}.json").read_text("utf-8")))


def list_ours(workflow: Mapping[str, Any]) -> list[Any]:
    """What a workflow says of the pack's own nodes; others differ between versions of the host."""
    told = ("id", "type", "inputs", "outputs", "widgets_values", "properties")
    return [{name: node[name] for name in told} for node in workflow["nodes"] if node["type"].startswith("Rece")]


def test_these_are_all() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == sorted(BUILDS)


@pytest.mark.parametrize("name", BUILDS)
def test_it_is_as_its_graph_is_written(object_info: Mapping[str, Any], name: str) -> None:
    """After a change to a node run `python -m example_workflows.build`."""
    assert list_ours(read_workflow(name)) == list_ours(make_workflow(BUILDS[name], object_info))


@pytest.mark.parametrize("name", BUILDS)
def test_it_is_small_enough_to_be_understood(name: str) -> None:
    nodes = len(read_workflow(name)["nodes"])
    assert nodes <= (MOST_AT_FIRST if name.startswith("01") else MOST_NODES)
    assert f"| {name} | {nodes} |" in (ROOT / "docs" / "page.md").read_text("utf-8")


def test_they_are_in_the_order_of_their_names() -> None:
    assert list(BUILDS) == sorted(BUILDS)
    assert [name[:2] for name in BUILDS] == [f"{number:02}" for number in range(1, len(BUILDS) + 1)]


@pytest.mark.parametrize("name", BUILDS)
def test_whatever_file_it_asks_for_the_page_can_fetch(name: str) -> None:
    """But the checkpoint that someone else has erased, which every user has another one of."""
    for node in read_workflow(name)["nodes"]:
        values = node.get("widgets_values") or []
        files = {value for value in values if isinstance(value, str) and value.endswith(".safetensors")} - {ERASED}
        told = node["properties"].get("models", [])
        assert {each["name"] for each in told} == files
        for each in told:
            assert (each["url"], each["directory"]) == MODELS[each["name"]]
            assert each["url"].startswith("https://huggingface.co/") and each["url"].endswith(f"/{each['name']}")


@pytest.mark.parametrize("name", BUILDS)
def test_it_runs_as_it_stands(client: Client, object_info: Mapping[str, Any], name: str, checkpoints: None) -> None:
    prompt = to_api(read_workflow(name), object_info)
    if not BUILDS[name].runs_anywhere:
        load_in_one(prompt)
        make_small(prompt)
    pictures = client.run(prompt).images()
    assert len(pictures) == PICTURES.get(name[:2], 1)
    assert all(np.std(picture) > 5 for picture in pictures), "a picture shows something"


def load_in_one(prompt: dict[str, dict[str, Any]]) -> None:
    """The small model in the place of the loaders of separate files, which no file of its own stands in for."""
    slots = {"UNETLoader": 0, "CLIPLoader": 1, "VAELoader": 2}
    loaders = {number: slots[node["class_type"]] for number, node in prompt.items() if node["class_type"] in slots}
    for number in loaders:
        del prompt[number]
    if loaders:
        prompt["small"] = {"class_type": "ReceDemoModel", "inputs": {"model": "shapes"}}
    for node in prompt.values():
        for name, value in node["inputs"].items():
            if isinstance(value, list) and value[0] in loaders:
                node["inputs"][name] = ["small", loaders[value[0]]]


def make_small(prompt: dict[str, dict[str, Any]]) -> None:
    for node in prompt.values():
        inputs = node["inputs"]
        if isinstance(inputs.get("width"), int):
            inputs |= {"width": PIXELS, "height": PIXELS}
        if node["class_type"] == "KSampler":
            inputs["steps"] = STEPS


@pytest.mark.parametrize("name", BUILDS)
def test_it_has_a_square_picture_beside_it(name: str) -> None:
    picture = Image.open(io.BytesIO((FOLDER / f"{name}.jpg").read_bytes()))
    assert picture.format == "JPEG"
    assert picture.size == (SIDE, SIDE)
