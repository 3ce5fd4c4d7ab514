"""RECE Report and RECE Compare on the demo model: the chart's numbers, the sheet's pixels, bad input."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from harness.client import Client, NodeFailed
from harness.environment import ROOT
from harness.graph import Graph, Node, Output
from harness.server import PACK_NAME
from tests.host.conftest import StartServer
from tests.host.graphs import ModelGraph, read_hashes, require_alive, see

WITHOUT_MATPLOTLIB = Path(__file__).parent / "without_matplotlib_pack"
PROBES = "a green star\na picture of a small cross"


def add_report(graph: ModelGraph, erasure: Output, **inputs: Output) -> Node:
    wired = {"model": graph.model, "clip": graph.clip, **inputs}
    return graph.add("ReceReport", erasure=erasure, probes=PROBES, **wired)


def read_shares(lines: list[str]) -> list[float]:
    """The percentages at the lines' beginnings."""
    return [float(found.group(1)) for line in lines if (found := re.match(r" *([\d.]+)%", line))]


def test_the_report_shows_what_the_erasure_did(client: Client) -> None:
    graph = ModelGraph()
    hashed = graph.hash()
    erased = graph.iterate(epochs=2)
    report = add_report(graph, erased[1])
    shown, told = graph.add("PreviewImage", images=report[0]), graph.show(report[1])
    iterated = graph.show(erased[2])
    result = client.run(graph)

    picture = see(result, shown)
    assert picture.shape == (1000, 1000, 3)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 100
    (text,) = result.text(told)
    assert text.startswith("a red circle => a blue square")
    assert "epoch 2" in result.text(iterated)[0] and "epoch 2" in text
    drifts, changes = text.split("drift of each probe:")[1].split("change of each weight:")
    assert len(read_shares(drifts.splitlines())) == 2 and "'a picture of a small cross'" in drifts
    assert len(read_shares(changes.splitlines())) == 8
    assert all(share > 0 for share in read_shares([*drifts.splitlines(), *changes.splitlines()]))

    again = ModelGraph()
    hashed_again = again.hash(run=1)
    assert read_hashes(client.run(again), hashed_again) == read_hashes(result, hashed)


def test_a_gentler_erasure_is_shown_to_change_less(client: Client) -> None:
    graph = ModelGraph()
    report = graph.show(add_report(graph, graph.iterate(epochs=0, edit_ridge=1000.0, ridge_scale="absolute")[1])[1])
    much = graph.show(add_report(graph, graph.iterate(epochs=0)[1])[1])
    result = client.run(graph)
    changes = (result.text(node)[0].split("change of each weight:")[1].splitlines() for node in (report, much))
    gentle, usual = map(read_shares, changes)
    assert len(gentle) == 8 and max(gentle) < min(usual)


def test_what_does_nothing_is_said(client: Client) -> None:
    """Another text encoder, an erased model for the original, an erasure undone behind: each in a sentence."""
    graph = ModelGraph()
    erased = graph.iterate()
    other = graph.add("CLIPSetLastLayer", clip=graph.clip, stop_at_clip_layer=-2)[0]
    undone = graph.add("ModelMergeSimple", model1=graph.model, model2=erased[0], ratio=1.0)[0]
    told = {
        "Prompts of this CLIP are not what was erased: this erasure was made for another text encoder": {"clip": other},
        "The MODEL connected as the original has been erased already": {"model": erased[0]},
        "holds this erasure not at all. A node behind took it out again.": {"edited_model": undone},
        "holds this erasure in full.": {"edited_model": erased[0]},
    }
    nodes = [graph.show(add_report(graph, erased[1], **inputs)[1]) for inputs in ({}, *told.values())]
    plain, *reports = map(client.run(graph).text, nodes)
    for sentence, (report,) in zip(told, reports, strict=True):
        assert sentence in report.replace("\n", " ")
        assert sentence not in plain[0], "control"


def test_a_second_erasure_says_that_it_is_one(client: Client) -> None:
    graph = ModelGraph()
    first = graph.iterate()
    nodes = [graph.show(each[2]) for each in (first, graph.iterate(model=first[0]))]
    result = client.run(graph)
    once, twice = (result.text(node)[0] for node in nodes)
    sentence = "'a red circle' was already erased from this model by an earlier node"
    assert sentence in twice and sentence not in once


def test_a_report_on_a_model_of_an_unknown_family(client: Client) -> None:
    graph = ModelGraph()
    other = graph.add("ProbeModelOfUnknownFamily")
    graph.show(add_report(graph, graph.iterate()[1], model=other[0])[1])
    with pytest.raises(NodeFailed, match=r"ReceReport .*is of no family known here"):
        client.run(graph)
    require_alive(client)


def add_pictures(graph: Graph, color: int, count: int = 2, width: int = 64) -> Output:
    return graph.add("EmptyImage", width=width, height=48, batch_size=count, color=color)[0]


def add_compare(graph: Graph, *versions: Output, prompts: str = "", headings: str = "before, after, third") -> Node:
    names = ("before", "after", "third")[: len(versions)]
    inputs = dict(zip(names, versions, strict=True))
    return graph.add("ReceCompare", **inputs, prompts=prompts, headings=headings)


def count_colour(picture: np.ndarray, color: int) -> int:
    rgb = [color >> 16, color >> 8 & 255, color & 255]
    return int((picture == rgb).all(-1).sum())


COLOURS = (0xC01020, 0x10C020, 0x1020C0)


@pytest.mark.parametrize("versions", [2, 3])
def test_the_sheet_has_all_pictures(client: Client, versions: int) -> None:
    graph = Graph()
    batches = [add_pictures(graph, color) for color in COLOURS[:versions]]
    bare = graph.add("PreviewImage", images=add_compare(graph, *batches)[0])
    prompted = graph.add("PreviewImage", images=add_compare(graph, *batches, prompts="a cat\na dog")[0])
    result = client.run(graph)
    for node in (bare, prompted):
        counts = [count_colour(see(result, node), color) for color in COLOURS]
        assert counts == [2 * 64 * 48] * versions + [0] * (3 - versions)
    assert see(result, prompted).shape[0] > see(result, bare).shape[0]


@pytest.mark.parametrize(
    ("sizes", "texts", "message"),
    [
        ({"count": 3}, {}, r"ReceCompare .*'before' has 2 pictures of 64 × 48, 'after' 3 pictures of 64 × 48"),
        ({"width": 32}, {}, r"'after' 2 pictures of 32 × 48\. Expected as many of the same size: sample all"),
        ({}, {"prompts": "a\nb\nc"}, r"3 prompts were given for 2 pictures\. Expected one for all, one a picture"),
        ({}, {"headings": "before"}, r"'before' names 1 columns, but there are 2\. Expected a name for each"),
    ],
)
def test_what_does_not_fit_is_refused(
    client: Client, sizes: dict[str, int], texts: dict[str, str], message: str
) -> None:
    graph = Graph()
    both = add_pictures(graph, COLOURS[0]), add_pictures(graph, COLOURS[1], **sizes)
    graph.add("PreviewImage", images=add_compare(graph, *both, **texts)[0])
    with pytest.raises(NodeFailed, match=message):
        client.run(graph)
    require_alive(client)


def test_without_matplotlib_only_the_report_is_missing(start_server: StartServer) -> None:
    server = start_server(packs={PACK_NAME: ROOT, "without_matplotlib": WITHOUT_MATPLOTLIB})
    with Client(server.url) as client:
        graph = ModelGraph()
        erased = graph.iterate(epochs=0)
        sheet = add_compare(graph, add_pictures(graph, COLOURS[0]), add_pictures(graph, COLOURS[1]), prompts="a ring")
        shown, told = graph.add("PreviewImage", images=sheet[0]), graph.show(erased[2])
        result = client.run(graph)
        assert result.text(told)[0].startswith("a red circle => a blue square")
        assert len(np.unique(see(result, shown).reshape(-1, 3), axis=0)) > len(COLOURS), "letters are drawn"
        graph.add("PreviewImage", images=add_report(graph, erased[1])[0])
        message = r"ReceReport .*draws its chart with matplotlib, which can't be imported .*pip install matplotlib"
        with pytest.raises(NodeFailed, match=message):
            client.run(graph)
