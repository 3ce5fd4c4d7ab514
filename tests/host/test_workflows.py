"""The example workflows, each run as it stands; for checkpoints of one's own the small model stands in."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from PIL import Image

from example_workflows.build import OWN, SMALL, small_model_standing_in
from harness.client import Client
from harness.environment import ROOT
from harness.graph import Graph
from harness.server import Server
from harness.workflow import to_api, to_ui

FOLDER = ROOT / "example_workflows"
# What it saves; the others save four at each place.
PICTURES = {
    "first_try": 1,
    "artistic_style": 2,
    "audit_a_checkpoint": 1,
    "count_a_table": 1,
    "erase_several": 4,
    "flux": 1,
    "i2p_table": 2,
    "report_and_compare": 2,
}
BUILDS = {build.__name__: build for build in (*SMALL, *OWN)}
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
    told = ("id", "type", "inputs", "outputs", "widgets_values")
    return [{name: node[name] for name in told} for node in workflow["nodes"] if node["type"].startswith("Rece")]


def test_these_are_all() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == sorted(BUILDS)


@pytest.mark.parametrize("name", BUILDS)
def test_it_is_as_its_graph_is_written(object_info: Mapping[str, Any], name: str) -> None:
    """After a change to a node run `python -m example_workflows.build`."""
    build: Callable[[], Graph] = BUILDS[name]
    assert list_ours(read_workflow(name)) == list_ours(to_ui(build(), object_info))


@pytest.mark.parametrize("name", BUILDS)
def test_it_runs_as_it_stands(client: Client, object_info: Mapping[str, Any], name: str, checkpoints: None) -> None:
    workflow = read_workflow(name)
    prompt = to_api(workflow, object_info)
    if BUILDS[name] in OWN:
        make_small(prompt)
    pictures = client.run(prompt).images()
    assert len(pictures) == PICTURES.get(name, 4 * sum(node["type"] == "SaveImage" for node in workflow["nodes"]))
    assert all(np.std(picture) > 5 for picture in pictures), "a picture shows something"


def make_small(prompt: dict[str, dict[str, Any]]) -> None:
    for node in prompt.values():
        inputs = node["inputs"]
        if isinstance(inputs.get("width"), int):
            inputs |= {"width": PIXELS, "height": PIXELS}
        if node["class_type"] == "KSampler":
            inputs["steps"] = STEPS


@pytest.mark.parametrize("name", BUILDS)
def test_it_has_a_picture_beside_it(name: str) -> None:
    picture = Image.open(io.BytesIO((FOLDER / f"{name}.jpg").read_bytes()))
    assert picture.format == "JPEG"
    assert min(picture.size) >= 128
