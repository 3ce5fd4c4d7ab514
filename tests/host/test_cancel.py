"""RECE Iterate says how far it is, and can be stopped in the middle."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

import pytest

from harness.client import Client, Interrupted
from tests.host.graphs import ModelGraph, read_progress, unharmed

COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "black", "white")
SHAPES = ("circle", "ellipse", "ring", "star", "cross")
MANY = "\n".join(f"a {colour} {shape} => a square" for colour in COLOURS for shape in SHAPES)
INTO_THE_EPOCHS = 0.55  # of the bar, whose first half is of texts
SHOWN_EVERY = 0.2  # seconds, see nodes/host.py


def test_progress_grows_to_its_end(client: Client) -> None:
    graph = ModelGraph()
    erased = graph.iterate(epochs=3)
    graph.hash(erased[0])
    messages = client.run(graph).messages
    steps = read_progress(messages, erased.id)
    assert len(steps) >= 2  # newer hosts leave out some that follow each other closely
    assert [value for value, _ in steps] == sorted({value for value, _ in steps})
    assert len({end for _, end in steps}) == 1
    assert steps[-1][0] == steps[-1][1]
    told = [data["text"] for kind, data in messages if kind == "progress_text" and data["node"] == erased.id]
    assert told[0] == "encode 'a red circle'"
    assert told[-2].startswith("round "), "the last step, before the result"


def test_applying_an_erasure_has_progress_too(client: Client) -> None:
    graph = ModelGraph()
    erasure = graph.iterate(epochs=0)[1]
    applied = graph.add("ReceApplyErasure", model=graph.model, clip=graph.clip, erasure=erasure, strength=1.0)
    graph.hash(applied[0])
    steps = read_progress(client.run(graph).messages, applied.id)
    assert steps[-1][0] == steps[-1][1] > 1


def test_a_few_messages_a_second_however_many_steps(client: Client) -> None:
    """Newer pages draw the node again for each, and would not answer a click on Cancel."""
    graph = ModelGraph()
    erased = graph.iterate(concepts=graph.concepts(MANY), epochs=5)
    graph.hash(erased[0])
    started = time.monotonic()
    messages = client.run(graph).messages
    at_most = (time.monotonic() - started) / SHOWN_EVERY + 3  # the first, the last and the result
    steps = read_progress(messages, erased.id)
    told = [data for kind, data in messages if kind == "progress_text" and data["node"] == erased.id]
    assert steps[-1][0] == steps[-1][1]
    assert len(steps) <= at_most
    assert len(told) <= at_most


def test_cancelled_in_the_middle_the_queue_goes_on_and_the_model_is_what_it_was(client: Client) -> None:
    graph = ModelGraph()
    # Minutes of work if nobody stopped it, however fast or slow the machine is.
    erased = graph.iterate(concepts=graph.concepts(MANY), epochs=50, iteration="cumulative")
    graph.hash(erased[0])
    seen: list[tuple[float, float]] = []

    def cancel(kind: str, data: Mapping[str, Any]) -> None:
        if kind == "progress" and data["node"] == erased.id:
            seen.append((data["value"], data["max"]))
            # Again with each message: how late the first one comes depends on what else the machine does.
            if data["value"] >= INTO_THE_EPOCHS * data["max"]:
                client.interrupt()

    with unharmed(client):
        with pytest.raises(Interrupted, match=rf"cancelled in ReceIterate \(node {erased.id}\)"):
            client.run(graph, on_message=cancel)
        value, end = seen[-1]
        assert value < end, "it was cancelled after its last step"


def test_a_loop_that_cannot_go_on_gives_what_it_has_and_says_why(client: Client) -> None:
    graph = ModelGraph()
    erased = graph.iterate(
        concepts=graph.concepts(MANY), schedule="manual", iteration="paper", mode="paper", seal=0.0, epochs=50
    )
    told = graph.show(erased[2])
    (text,) = client.run(graph).text(told)
    assert re.search(r"it ended before epoch \d+, which cannot be solved: the derivation ridge is .* singular", text)
    assert "epoch 1 " in text
