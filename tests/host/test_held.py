"""No false certificate: RECE Save Checkpoint writes down what the model holds, which the pictures show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from demo.merging import CIRCLES, STARS, count_drawn, erase, merge
from harness.client import Client, NodeFailed
from harness.graph import Graph, Node, Output
from harness.server import Server
from tests.host.loras import write_random_lora

COUNT = 4
A_CIRCLE, A_STAR = CIRCLES.targets[0], STARS.targets[0]


class Shapes(Graph):
    """The shapes model, with circles erased as every test does, and so once for all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.demo = self.add("ReceDemoModel", model="shapes")
        self.circles = erase(self, self.demo, CIRCLES)

    def apply(self, strength: float) -> Node:
        inputs = {"model": self.demo[0], "clip": self.demo[1], "erasure": self.circles[1]}
        return self.add("ReceApplyErasure", **inputs, strength=strength)

    def save(self, model: Output, erasure: Output | None = None, clip: Output | None = None) -> Node:
        inputs = {"model": model, "clip": clip or self.demo[1], "vae": self.demo[2], "filename_prefix": "held"}
        return self.add("ReceSaveCheckpoint", erasure=erasure or self.circles[1], **inputs)

    def reverse(self, model: Output) -> Output:
        """`model` with the difference of the erased one taken away, as a LoRA of it at strength -1 would."""
        difference = self.add("ModelMergeSubtract", model1=self.demo[0], model2=self.circles[0], multiplier=1.0)
        return self.add("ModelMergeAdd", model1=model, model2=difference[0])[0]


def read_certificate(server: Server, shown: str) -> dict[str, Any]:
    name = shown.splitlines()[0].removeprefix("Saved as ")
    path = Path(server.output, *name.replace("\\", "/").split("/"))
    with safe_open(path, framework="pt") as file:
        told: dict[str, Any] = json.loads(file.metadata()["rece"])
    path.unlink()
    return told


def test_what_is_written_is_what_is_drawn(client: Client, server: Server) -> None:
    graph = Shapes()
    original, erased = graph.demo[0], graph.circles[0]
    models = {
        "original": original,
        "in full": erased,
        "strength 0.5": graph.apply(0.5)[0],
        "half and half": merge(graph, erased, original),
        "the other way round": merge(graph, original, erased),
    }
    saved = {name: graph.save(model) for name, model in models.items() if name != "original"}
    report = graph.add("PreviewAny", source=graph.apply(0.5)[1])
    drawn = {
        name: circles for name, (circles,) in count_drawn(client, graph, graph.demo, models, COUNT, [CIRCLES]).items()
    }
    result = client.run(graph)
    assert drawn.pop("original") == COUNT, "control"
    assert drawn.pop("in full") == 0
    assert all(drawn.values()), "in part, the concept is drawn"
    told = {name: read_certificate(server, result.text(node)[0]) for name, node in saved.items()}
    assert told["in full"]["held"] == "in full"
    assert told["in full"]["erased"].splitlines()[-1] == CIRCLES.targets[-1]
    for name in drawn:
        assert told[name]["held"].startswith("in part, 50% of what it changes. Below 100 %"), name
        assert told[name]["erased"].endswith(f"\n({told[name]['held']})")
    assert "strength 0.5: the concept may be wholly there" in result.text(report)[0]
    assert "all of it is exact" not in result.text(report)[0]


def test_a_chain_and_merges_of_two_are_named_each(client: Client, server: Server) -> None:
    graph = Shapes()
    stars, both = erase(graph, graph.demo, STARS), erase(graph, graph.demo, STARS, graph.circles[0])
    difference = graph.add("ModelMergeSubtract", model1=stars[0], model2=graph.demo[0], multiplier=1.0)[0]
    models = {
        "chain": both[0],
        "added": graph.add("ModelMergeAdd", model1=graph.circles[0], model2=difference)[0],
        "average": merge(graph, graph.circles[0], stars[0]),
    }
    saved = {
        "chain": graph.save(both[0], both[1]),
        "added": graph.save(models["added"], stars[1]),
        "average": graph.save(models["average"], stars[1]),
    }
    drawn = count_drawn(client, graph, graph.demo, models, COUNT)
    result = client.run(graph)
    for name, node in saved.items():
        told = read_certificate(server, result.text(node)[0])
        (earlier,) = told["earlier"]
        whole = name != "average"
        assert earlier["erased"].startswith(A_CIRCLE) and told["erased"].startswith(A_STAR)
        assert [each["held"].startswith("in full" if whole else "in part, 50%") for each in (earlier, told)] == [
            True
        ] * 2
        assert all(hits == 0 for hits in drawn[name]) == whole, drawn


def test_loras_before_and_after(client: Client, server: Server) -> None:
    """One before is part of the base; one after lies on top, and the erasure is there as it was."""
    write_random_lora(server, "held.safetensors")
    graph = Shapes()
    lora = {"lora_name": "held.safetensors", "strength_model": 1.0}
    before = erase(graph, graph.demo, CIRCLES, graph.add("LoraLoaderModelOnly", model=graph.demo[0], **lora)[0])
    after = graph.add("LoraLoaderModelOnly", model=graph.circles[0], **lora)[0]
    saved = [graph.save(before[0], before[1]), graph.save(after)]
    result = client.run(graph)
    assert [read_certificate(server, result.text(node)[0])["held"] for node in saved] == ["in full"] * 2


def test_a_lora_names_the_erasures_that_it_goes_on_top_of(client: Client, server: Server) -> None:
    graph = Shapes()
    both = erase(graph, graph.demo, STARS, graph.circles[0])
    inputs = {"format": "LoRA", "rank": 0, "filename_prefix": "on_top"}
    graph.add("ReceSaveErasure", erasure=graph.circles[1], model=graph.demo[0], **inputs)
    client.run(graph)
    graph.add("ReceSaveErasure", erasure=both[1], model=graph.circles[0], **inputs)
    client.run(graph)
    headers = []
    for number in (1, 2):
        with safe_open(server.output / "loras" / f"on_top_0000{number}_.safetensors", framework="pt") as file:
            headers.append(file.metadata())
    assert "on_top_of" not in headers[0], "control"
    assert headers[1]["on_top_of"].startswith(A_CIRCLE.split(" =>")[0]) and headers[1]["on_top_of"].endswith(
        ": in full"
    )


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        (
            lambda graph: (graph.demo[0], None),
            r"does not hold the erasure .*: not at all\. Connect MODEL and ERASURE of",
        ),
        (lambda graph: (graph.apply(0.0)[0], None), r"does not hold .*: not at all\. Connect"),
        (lambda graph: (graph.reverse(graph.circles[0]), None), r"not at all\. It was attached, and a node behind it"),
        (
            lambda graph: (merge(graph, graph.demo[0], graph.circles[0], 1.0), None),
            r"It was attached, and a node behind",
        ),
        (
            lambda graph: (graph.circles[0], erase(graph, graph.demo, STARS)[1]),
            r"hold the erasure .*star.*: not at all\. It holds .*circle.*: in full\. Connect MODEL and ERASURE",
        ),
    ],
)
def test_a_model_that_does_not_hold_it_is_refused(client: Client, server: Server, wire: Any, message: str) -> None:
    graph = Shapes()
    graph.save(*wire(graph))
    with pytest.raises(NodeFailed, match=f"ReceSaveCheckpoint .*{message}"):
        client.run(graph)
    assert not list(server.output.glob("held*"))
