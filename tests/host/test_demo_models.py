"""RECE Demo Model's models draw what they are asked for, and the default erasure makes one of them draw the anchor."""

from __future__ import annotations

import pytest
import torch

from emoji.judge import classify, load_judge, name_answer
from emoji.show import SAMPLINGS, add_picture, collect
from emoji.world import load_concepts
from harness.client import Client, Result
from harness.graph import Graph, Node
from harness.widgets import read_defaults

NAMES = ("rocket", "panda", "watermelon", "key", "cactus", "doughnut", "scissors", "tulip")


def name_pictures(result: Result, nodes: list[Node]) -> list[str]:
    """What the judge sees in each."""
    verdicts = classify(load_judge(), torch.from_numpy(collect(result, nodes)).float() / 255)
    return [name_answer(best, load_concepts()) for best in verdicts.concepts[:, 0].tolist()]


@pytest.mark.parametrize("model", list(SAMPLINGS))
def test_an_emoji_model_draws_what_it_is_asked_for(client: Client, model: str) -> None:
    graph = Graph()
    loaded = graph.add("ReceDemoModel", model=model)
    nodes = [add_picture(graph, loaded, loaded[0], name, seed, SAMPLINGS[model]) for seed, name in enumerate(NAMES)]
    drawn = name_pictures(client.run(graph), nodes)
    assert sum(one == other for one, other in zip(drawn, NAMES, strict=True)) >= 7, drawn


@pytest.mark.parametrize(
    "line, target, anchor, drawn_instead",
    [("rocket => airplane", "rocket", "airplane", "airplane"), ("beer mug", "beer mug", "coffee", "hot beverage")],
    ids=["an anchor that is given", "an anchor that is found"],
)
def test_with_all_defaults_the_anchor_is_drawn_instead(
    client: Client, line: str, target: str, anchor: str, drawn_instead: str
) -> None:
    graph = Graph()
    loaded = graph.add("ReceDemoModel", model="emoji")
    described = client.object_info()
    wanted = {**read_defaults(described["ReceConcepts"]), "kind": "custom", "targets": line}
    concepts = graph.add("ReceConcepts", **wanted)
    widgets = read_defaults(described["ReceIterate"])
    erased = graph.add("ReceIterate", model=loaded[0], clip=loaded[1], concepts=concepts, **widgets)
    nodes = [
        add_picture(graph, loaded, model, name, seed, SAMPLINGS["emoji"])
        for model in (loaded[0], erased[0])
        for seed, name in enumerate((target, f"a {target}", "panda", "key"))
    ]
    result = client.run(graph)
    drawn = name_pictures(result, nodes)
    assert drawn[:4] == [target, target, "panda", "key"], "control"
    assert drawn[4:] == [drawn_instead, drawn_instead, "panda", "key"]
    (told,) = result.outputs[erased[0].node]["rece"]
    assert told["concepts"] == [{"names": [target], "anchors": [anchor]}]
    assert ("chosen, as none was given" in told["note"]) is ("=>" not in line)
