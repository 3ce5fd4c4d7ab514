"""What is erased and what protects the rest: phrasings, several anchors, found embeddings, captions and their prior."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from demo.judge import classify, load_judge
from harness.client import Client, NodeFailed, PromptRejected, Result
from harness.server import Server
from tests.host.graphs import (
    CLEAR,
    ROUNDING,
    ModelGraph,
    Picture,
    difference,
    read_hashes,
    require_alive,
    see,
)

CAPTIONS = "captions of a test.txt"
KEEP = "a green star\na picture of a blue cross\n\na yellow ring\n"


def read_drift(result: Result, node: object) -> float:
    """The drift after the last edit, in per cent, as a report of RECE Iterate says it."""
    last = [line for line in result.text(node)[0].splitlines() if re.match(r" *(first edit|epoch \d+) ", line)][-1]
    return float(re.findall(r"(-?[\d.]+)%", last)[2])


def show_shape(picture: Picture) -> str:
    """What the demo's judge sees."""
    (verdict,) = classify(load_judge(), torch.from_numpy(picture.copy())[None].float() / 255)
    return verdict.shape


@pytest.fixture
def captions(server: Server) -> Iterator[Path]:
    """A file of captions in the input folder."""
    path = server.base / "input" / CAPTIONS
    path.write_text(KEEP, "utf-8")
    yield path
    path.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("kind", "targets", "typed", "phrased"),
    [
        ("custom", "a circle, a disc => a square\na star => a cross, a ring", 3, 18),
        ("style", "monet", 1, 6),
        ("unsafe", "", 11, 66),
    ],
)
def test_it_says_how_many_texts_that_makes(client: Client, kind: str, targets: str, typed: int, phrased: int) -> None:
    graph = ModelGraph()
    nodes = {
        count: graph.nodes[graph.concepts(targets, kind=kind, phrasings=phrasings).node]
        for phrasings, count in (("as typed", typed), ("by kind", phrased))
    }
    shown = {count: graph.show(node[1]) for count, node in nodes.items()}
    result = client.run(graph)
    for count, node in nodes.items():
        assert result.text(shown[count]) == [str(count)]
        assert result.text(node)[0].endswith(f", {count} text{'s' * (count > 1)} to erase")


def test_phrasings_are_erased_one_by_one(client: Client) -> None:
    graph = ModelGraph()
    targets = "circle, disc => square"
    phrased, typed = graph.concepts(targets, phrasings="by kind"), graph.concepts(targets)
    told = graph.show(graph.iterate(concepts=phrased, epochs=0)[2])
    graph.show(graph.iterate(concepts=typed, epochs=0)[2])
    result = client.run(graph)
    assert result.text(phrased.node)[0].endswith(", 12 texts to erase"), "two targets, each in five other ways too"
    assert result.text(typed.node)[0].endswith(", 2 texts to erase")
    assert "circle, disc => square\neach as: …; a …; a photo of a …" in result.text(told)[0]


def test_several_anchors_are_averaged(client: Client) -> None:
    graph = ModelGraph()
    anchors = (
        "a blue square",
        "a blue square, a blue square",
        "a blue square, a green star",
        "a green star, a blue square",
    )
    nodes = [graph.sample(graph.iterate(concepts=graph.concepts(f"a red circle => {each}"))[0]) for each in anchors]
    result = client.run(graph)
    single, twice, both, turned = (see(result, node) for node in nodes)
    assert difference(single, twice) <= ROUNDING
    assert difference(both, turned) <= ROUNDING
    assert difference(single, both) >= CLEAR


def test_an_embedding_that_was_found_is_erased_too(client: Client) -> None:
    """Derived after the first edit it brings the circle back; given back to RECE Concepts, no more."""
    graph = ModelGraph()
    first = graph.iterate(epochs=0, mode="prior")
    derived = graph.derive(first[0])[0]
    hardened = graph.iterate(concepts=graph.concepts(embeddings=derived), epochs=0, mode="prior")
    told = graph.show(hardened[2])
    nodes = graph.sample(first[0], derived, steps=10), graph.sample(hardened[0], derived, steps=10)
    named = graph.sample(hardened[0], steps=10)
    result = client.run(graph)
    before, after = (see(result, node) for node in nodes)
    assert show_shape(before) == "circle", "control: before, it is there"
    assert show_shape(after) != "circle"
    assert show_shape(see(result, named)) != "circle"
    assert difference(before, after) >= CLEAR
    assert "a red circle => a blue square\nembeddings: 1" in result.text(told)[0]


def test_embeddings_of_another_encoder(client: Client) -> None:
    graph = ModelGraph()
    found = graph.add("CLIPTextEncode", clip=graph.add("ProbeNarrowClip")[0], text="a red circle")[0]
    graph.hash(graph.iterate(concepts=graph.concepts(embeddings=found))[0])
    with pytest.raises(NodeFailed, match=r"embeddings of width 64, but the model reads width 128\. Connect the CLIP"):
        client.run(graph)
    require_alive(client)


def test_captions_of_ones_own_protect_instead(client: Client, captions: Path) -> None:
    graph = ModelGraph()
    everyday, own = (
        graph.iterate(concepts=graph.concepts(captions=each), mode="prior") for each in ("everyday captions", CAPTIONS)
    )
    shown = graph.show(everyday[2]), graph.show(own[2])
    result = client.run(graph)
    drifts = [read_drift(result, node) for node in shown]
    assert abs(drifts[0] - drifts[1]) > 1

    captions.write_text("a wooden chair\n", "utf-8")
    replaced = client.run(graph)
    assert everyday.id in replaced.cached() and own.id not in replaced.cached()
    assert read_drift(replaced, shown[1]) != drifts[1]


def test_in_mode_paper_without_value_erasure_captions_have_no_effect(client: Client, captions: Path) -> None:
    graph = ModelGraph()
    nodes = [
        graph.hash(graph.iterate(concepts=graph.concepts(captions=each))[0]) for each in ("everyday captions", CAPTIONS)
    ]
    result = client.run(graph)
    assert read_hashes(result, nodes[0]) == read_hashes(result, nodes[1])


@pytest.mark.parametrize("protection", [{"mode": "prior"}, {"mode": "paper", "seal": 1.0}])
def test_captions_that_all_name_the_target(client: Client, captions: Path, protection: dict[str, object]) -> None:
    captions.write_text("A RED CIRCLE\na photo of a red circle, on a table\n", "utf-8")
    graph = ModelGraph()
    graph.hash(graph.iterate(concepts=graph.concepts(captions=CAPTIONS), **protection)[0])
    message = (
        r"ReceIterate .*every one of the 2 captions for the prior names a target.* Add captions about other things"
    )
    with pytest.raises(NodeFailed, match=message):
        client.run(graph)
    captions.write_text("A RED CIRCLE\na photo of a red circles\n", "utf-8")
    client.run(graph)  # 'circles' is another word
    require_alive(client)


@pytest.mark.parametrize("content", ["", " \n\n\t\n", "\ufeff"])
def test_a_file_without_captions(client: Client, captions: Path, content: str) -> None:
    captions.write_text(content, "utf-8")
    graph = ModelGraph()
    graph.hash(graph.iterate(concepts=graph.concepts(captions=CAPTIONS))[0])
    with pytest.raises(
        NodeFailed, match=rf"ReceConcepts .*the file '{CAPTIONS}' holds no caption; expected at least one"
    ):
        client.run(graph)
    require_alive(client)


@pytest.mark.parametrize("name", ["missing.txt", "../outside.txt"])
def test_a_file_that_is_not_in_the_input_folder(client: Client, server: Server, name: str) -> None:
    (server.base / "outside.txt").write_text(KEEP, "utf-8")
    graph = ModelGraph()
    graph.hash(graph.iterate(concepts=graph.concepts(captions=name))[0])
    # ComfyUI 0.3.75 does not check choices before it runs a node, newer ones do.
    message = rf"there is no file '{re.escape(name)}' in the input folder|captions: '{re.escape(name)}' not in"
    with pytest.raises((NodeFailed, PromptRejected), match=message):
        client.run(graph)
    require_alive(client)


def test_the_prior_is_made_once_and_made_anew_where_it_is_damaged(
    client: Client, server: Server, captions: Path
) -> None:
    folder = server.base / "user" / "rece_priors"
    earlier = set(folder.glob("*"))

    def run(ridge: float) -> None:
        """Another ridge each time, so that the host has no result of it yet."""
        graph = ModelGraph()
        erased = graph.iterate(concepts=graph.concepts(captions=CAPTIONS), mode="prior", edit_ridge=ridge)
        graph.hash(erased[0])
        client.run(graph)

    captions.write_text(f"{KEEP}a caption of this test alone\n", "utf-8")
    run(0.1)
    (file,) = set(folder.glob("*")) - earlier
    content, written = file.read_bytes(), file.stat().st_mtime_ns

    run(0.2)
    assert file.stat().st_mtime_ns == written

    for ridge, damaged in ((0.3, b""), (0.4, content[:-8]), (0.5, b"no safetensors")):
        file.write_bytes(damaged)
        run(ridge)
        assert file.read_bytes() == content
    assert set(folder.glob("*")) - earlier == {file}
