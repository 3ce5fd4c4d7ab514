"""What people in a hurry type into RECE Erase, all else as it comes: the target goes, or the panel says why not."""

from __future__ import annotations

import numpy as np
import pytest
import requests
import torch

from demo.captions import SHAPE_NAMES
from demo.graphs import SHAPES, add_pictures
from demo.judge import classify, load_judge
from demo.world import COLOURS
from harness.client import Client
from harness.graph import Graph
from harness.server import Server

CASES = {
    "circle": "circle",
    "red circle": "circle",
    "circle => sqare": "circle",
    "circle -> square": "circle",
    "circle; disc; dot": "circle",
    "star": "star",
}
BY_NAME, BY_SYNONYM = (24, 1), (16, 3)  # pictures, and how many of them may still show the target
# What says that the name itself, or that other names, may still draw it.
OF_NAME = {"meantArrow", "meantCommas", "closeWord", "inLetters", "blankAnchor", "vagueAnchor"}
OF_SYNONYMS = {*OF_NAME, "oneName"}


@pytest.mark.slow
@pytest.mark.parametrize("typed", CASES)
def test_it_is_gone_or_the_panel_says_why_not(client: Client, server: Server, typed: str) -> None:
    shape = CASES[typed]
    asked = {question["code"] for question in ask_panel(server, typed)}
    name, *synonyms = SHAPE_NAMES[shape]
    colours = ["red"] if typed.startswith("red") else list(COLOURS)
    for words, (count, allowed), told in (([name], BY_NAME, OF_NAME), (synonyms, BY_SYNONYM, OF_SYNONYMS)):
        drawn = count_drawn(client, typed, shape, words, colours, count)
        assert drawn <= allowed or asked & told, f"{typed!r}: {drawn} of {count} by {words}; asked {sorted(asked)}"


def test_the_judge_sees_what_is_not_erased(client: Client) -> None:
    """The control: without an erasure most pictures show it."""
    assert count_drawn(client, None, "circle", ["circle"], list(COLOURS), 16) >= 13


def ask_panel(server: Server, typed: str) -> list[dict[str, str]]:
    fields = {"kind": "custom", "targets": typed, "default_anchor": "", "preserve": "", "phrasings": "by kind"}
    with requests.Session() as session:
        session.trust_env = False  # a proxy must not get in between two programs of the same machine
        answer = session.post(f"{server.url}/rece/concepts", json=fields, timeout=30)
    return list(answer.json()["questions"])


def count_drawn(client: Client, typed: str | None, shape: str, words: list[str], colours: list[str], count: int) -> int:
    """How many of `count` pictures show `shape`, asked for by each of `words` in turn; `typed` is erased before."""
    graph = Graph()
    demo = graph.add("ReceDemoModel", model="shapes")
    model = graph.add("ReceErase", model=demo[0], clip=demo[1], targets=typed)[0] if typed else demo[0]
    prompts = [f"a {colours[number % len(colours)]} {words[number % len(words)]}" for number in range(8)]
    shown = []
    for seed, prompt in enumerate(prompts):
        text = graph.add("CLIPTextEncode", clip=demo[1], text=prompt)[0]
        pictures = add_pictures(graph, demo, model, text, seed=seed, count=count // len(prompts), sampling=SHAPES)
        shown.append(graph.add("PreviewImage", images=pictures))
    result = client.run(graph)
    drawn = [picture for node in shown for picture in result.images(node)]
    assert len(drawn) == count
    verdicts = classify(load_judge(), torch.from_numpy(np.stack(drawn)[..., :3]).float() / 255)
    return sum(verdict.shape == shape for verdict in verdicts)
