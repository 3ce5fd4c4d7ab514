"""Prompts as people write them: what is left of an erasure, drawn; kept in `out/prompting` for the docs' table."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.client import Client
from harness.environment import ROOT, Host
from harness.graph import Node, Output
from harness.server import Server
from tests.host.graphs import TARGET
from tests.host.prompting.files import write_files
from tests.host.prompting.scene import COUNT, Scene, count_shapes
from tests.host.prompting.ways import COMPILER, HOLDS, IN_PART, NOT, WAYS, Way
from tests.host.test_pooled import APART, SAME, PooledGraph

MOST_LEFT = 1  # of COUNT, where an erasure holds
LEAST_DRAWN = 6  # of COUNT: the control, and where it does not hold
BOXES = {
    "both boxes": ("{}", "{}"),
    "text_g alone": ("{}", "a wooden house"),
    "text_l alone": ("a wooden house", "{}"),
}
COMPILERS = ("g++", "clang++", "c++", "cl")


@pytest.fixture(scope="module")
def findings(host: Host, server: Server) -> Iterator[dict[str, Any]]:
    """Counts by way; kept when the tests have ended, beside those that another run has found."""
    write_files(server)
    found: dict[str, Any] = {}
    yield found
    path = Path(ROOT, "out", "prompting", f"{host.version}.json")
    before = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**before, **found, "host": host.version, "count": COUNT}, indent=1), "utf-8")


@pytest.mark.parametrize(
    "way", [pytest.param(way, id=way.name, marks=[pytest.mark.slow] if way.slow else []) for way in WAYS]
)
def test_what_is_left_of_the_erasure(
    client: Client, object_info: Mapping[str, Any], findings: dict[str, Any], way: Way
) -> None:
    require(way, object_info)
    scene = Scene(object_info)
    pair = way.wire(scene)
    nodes = [scene.draw(asked) for asked in pair]
    reports = [scene.report(pair[1])] if way.says else []
    result = client.run(scene)
    before, after = (count_shapes(result, node)["circle"] for node in nodes)
    findings[way.name] = {"original": before, "erased": after}
    assert before >= LEAST_DRAWN, "control: the original draws it"
    allowed = {HOLDS: range(MOST_LEFT + 1), IN_PART: range(1, COUNT + 1), NOT: range(LEAST_DRAWN, COUNT + 1)}
    assert after in allowed[way.outcome]
    for node in reports:
        assert way.says in result.text(node)[0].replace("\n", " ")


def test_of_a_plain_prompt_nothing_is_said(client: Client, object_info: Mapping[str, Any]) -> None:
    """The control of what the report says of others."""
    scene = Scene(object_info)
    report = scene.report(scene.ask(scene.erased))
    guided = scene.report(scene.ask(scene.add("PerturbedAttentionGuidance", model=scene.erased, scale=2.0)[0]))
    result = client.run(scene)
    for node in (report, guided):
        text = result.text(node)[0].replace("\n", " ")
        assert "holds this erasure in full" in text
        assert not [way.says for way in WAYS if way.says and way.says in text]


def test_the_page_has_every_way() -> None:
    page = (ROOT / "docs" / "prompting.md").read_text("utf-8")
    for way in WAYS:
        assert re.search(rf"^\| {re.escape(way.name)} \| .*{way.outcome}.*, {re.escape(way.reason)} \|", page, re.M), (
            way.name
        )


def test_the_two_boxes_of_sdxl(client: Client, findings: dict[str, Any]) -> None:
    """Exact for any pair of texts; how near it takes each to what the anchor's words are there, the table says."""
    graph = PooledGraph()
    edited, erasure = (graph.iterate(edit_ridge=0.01)[slot] for slot in range(2))
    exact, moves = {}, {}
    for name, (first, second) in BOXES.items():
        text, anchor = (
            encode_two(graph, first.format(thing), second.format(thing)) for thing in (TARGET, "a blue square")
        )
        moved = graph.move(text, erasure)
        drawn = [graph.draw(edited, text), graph.draw(graph.model, moved), graph.draw(graph.model, text)]
        exact[name] = [graph.compare(drawn[0], other) for other in drawn[1:]]
        moves[name] = graph.show(graph.add("ProbeTokenMove", start=text, moved=moved, goal=anchor)[0])
    result = client.run(graph)

    def read(node: Node) -> float:
        return float(result.text(node)[0])

    apart = [[read(node) for node in each] for each in exact.values()]
    shares = {name: read(node) for name, node in moves.items()}
    findings["boxes"] = {"difference": max(difference for difference, _ in apart), "shares": shares}
    assert max(difference for difference, _ in apart) < SAME
    assert min(control for _, control in apart) > APART
    assert shares["both boxes"] > 0.5
    assert max(shares["text_g alone"], shares["text_l alone"]) < shares["both boxes"]


def encode_two(graph: PooledGraph, text_g: str, text_l: str) -> Output:
    """CONDITIONING of a text for each of the two encoders."""
    size = {"width": 64, "height": 64, "crop_w": 0, "crop_h": 0, "target_width": 64, "target_height": 64}
    return graph.add("CLIPTextEncodeSDXL", clip=graph.clip, text_g=text_g, text_l=text_l, **size)[0]


def require(way: Way, object_info: Mapping[str, Any]) -> None:
    """Skip what this host or machine can't do."""
    if way.needs == COMPILER:
        if not any(map(shutil.which, [os.environ.get("CXX", COMPILERS[0]), *COMPILERS])):
            pytest.skip(f"torch.compile needs a C++ compiler; none of {', '.join(COMPILERS)} is here")
    elif way.needs and way.needs not in object_info:
        pytest.skip(f"this host has no node {way.needs}")
