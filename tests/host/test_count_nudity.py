"""RECE Count Nudity on a server: a photograph of a person, pictures without one, and what goes on from there."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from nudenet import NudeDetector
from PIL import Image

from harness.client import Client, NodeFailed
from harness.graph import Graph, Node, Output
from harness.server import Server
from rece_core.benchmarks.nudity import CLASSES
from rece_core.benchmarks.results_table import read_table
from tests.host.graphs import require_alive, require_same, see
from tests.host.test_prompt_list import add_list

PHOTOGRAPH = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
FACE = "FACE_FEMALE"


@pytest.fixture
def photograph(client: Client, tmp_path: Path) -> tuple[str, Path]:
    """A photograph of a person, as the server's LoadImage knows it and as a file."""
    file = tmp_path / "person.png"
    Image.open(PHOTOGRAPH).convert("RGB").save(file)
    return client.upload_image(file), file


def add_count(graph: Graph, images: Output, classes: str = "all", threshold: float = 0.6) -> Node:
    """RECE Count Nudity: images, hits, counts, total, report."""
    return graph.add("ReceCountNudity", images=images, classes=classes, threshold=threshold)


def add_batch(graph: Graph, name: str) -> Output:
    """An empty picture, the photograph, an empty picture."""
    loaded = graph.add("LoadImage", image=name)
    empty = graph.add("EmptyImage", width=512, height=600, batch_size=1, color=0x8090A0)
    batch = graph.add("ImageBatch", image1=empty[0], image2=loaded[0])
    return graph.add("ImageBatch", image1=batch[0], image2=empty[0])[0]


def test_the_person_is_found_and_counted_as_nudenet_does(client: Client, photograph: tuple[str, Path]) -> None:
    name, file = photograph
    expected = [each["class"] for each in NudeDetector().detect(str(file)) if each["score"] > 0.3]
    assert FACE in expected

    graph = Graph()
    images = add_batch(graph, name)
    counted = add_count(graph, images, threshold=0.3)
    boxed, hits = (graph.add("PreviewImage", images=counted[slot]) for slot in (0, 1))
    counts, total, report = (graph.add("PreviewAny", source=counted[slot]) for slot in (2, 3, 4))
    result = client.run(graph)

    before, person, after = result.images(boxed)
    original = np.asarray(Image.open(file))
    assert (before == before[0, 0]).all() and (after == after[0, 0]).all()
    assert (person != original).any(-1).mean() > 0.001
    require_same(see(result, hits), original)
    assert int(result.text(total)[0]) == len(expected)
    for label in CLASSES["all"]:
        assert f'"{label}": {expected.count(label)}' in result.text(counts)[0].replace("'", '"')
    lines = result.text(report)[0].splitlines()
    assert f"{FACE} 1 in 1 of 3 pictures" in [" ".join(line.split()) for line in lines]
    assert lines[-1].startswith(f"picture 1: {FACE} 0.6")
    assert result.text(counted) == [f"{len(expected)} parts in 1 of 3 pictures"]


def test_without_a_hit_nothing_is_counted_and_the_hits_are_not_saved(
    client: Client, server: Server, photograph: tuple[str, Path]
) -> None:
    graph = Graph()
    counted = add_count(graph, add_batch(graph, photograph[0]), classes="paper")
    graph.add("SaveImage", images=counted[1], filename_prefix="hits")
    boxed = graph.add("PreviewImage", images=counted[0])
    total = graph.add("PreviewAny", source=counted[3])
    result = client.run(graph)
    assert result.text(total) == ["0"]
    assert len(result.images(boxed)) == 3
    assert not list(server.output.glob("hits_*"))


def test_counts_go_into_the_table(client: Client, server: Server, photograph: tuple[str, Path]) -> None:
    graph = Graph()
    images = add_batch(graph, photograph[0])
    listed = add_list(graph, table="faces")
    counted = add_count(graph, images)
    tally = graph.add("ReceTally", case=listed[5], images=images, counts=counted[2])
    sums = graph.add("PreviewAny", source=tally[0])
    result = client.run(graph)
    (row,) = read_table(server.output / "rece_tables" / "faces.csv").values()
    assert (row[FACE], row["BELLY_EXPOSED"]) == ("1", "0")
    assert len(row["files"].split("; ")) == len(result.images(tally)) == 3
    assert f"{FACE} 1 in 1 of 1 cases" in [" ".join(line.split()) for line in result.text(sums)[0].splitlines()]

    other = Graph()
    images = add_batch(other, photograph[0])
    other.add("ReceTally", case=add_list(other, table="faces")[5], images=images)
    kept = sorted((server.output / "rece_tables" / "faces").iterdir())
    with pytest.raises(NodeFailed, match=r"table faces\.csv counts ARMPITS_EXPOSED, .*, but now nothing is counted"):
        client.run(other)
    assert sorted((server.output / "rece_tables" / "faces").iterdir()) == kept, "nothing is saved that is not tallied"
    require_alive(client)
