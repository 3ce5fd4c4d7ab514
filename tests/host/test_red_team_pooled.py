"""RECE Red Team Optimise on a model that reads a pooled embedding beside its tokens, with two text encoders."""

from __future__ import annotations

import pytest

from harness.client import Client
from harness.graph import Node, Output
from tests.host.attacks import OPTIMISE, TARGET
from tests.host.test_pooled import SAME, PooledGraph

LOSS = 3


class AttackGraph(PooledGraph):
    """A graph around a small SDXL, with a picture of its own to attack with."""

    def optimise(self, **changes: str | int) -> Node:
        """RECE Red Team Optimise: CONDITIONING, prompt, measures, loss."""
        models = {"model": self.model, "model_under_test": self.model, "clip": self.clip}
        inputs = {"target": TARGET, "latent": self.picture(), **OPTIMISE, "batch_size": 2, **changes}
        return self.add("ReceRedTeamOptimise", **models, **inputs)

    def picture(self) -> Output:
        return self.draw(self.model, self.encode(TARGET))


@pytest.mark.parametrize("attack", ["concept inversion", "free embedding"])
def test_tokens_fit_better_with_every_step_and_the_pooled_embedding_stays(client: Client, attack: str) -> None:
    graph = AttackGraph()
    nodes = [graph.optimise(attack=attack, steps=steps) for steps in (1, 20)]
    losses = [graph.show(node[LOSS]) for node in nodes]
    pooled = [
        graph.show(graph.add("ProbePooledDifference", first=nodes[1][0], second=graph.encode(text))[0])
        for text in (TARGET, "a dog")
    ]
    result = client.run(graph)
    short, long = (float(result.text(node)[0]) for node in losses)
    assert long < 0.995 * short
    same, other = (float(result.text(node)[0]) for node in pooled)
    assert same == 0.0
    assert other > 0.01, "control"


def test_words_that_are_found_are_a_prompt_with_its_pooled_embedding(client: Client) -> None:
    graph = AttackGraph()
    attack = graph.optimise(attack="discrete tokens", steps=3)
    found, drawn = graph.show(attack[1]), graph.draw(graph.model, attack[0])
    graph.compare(drawn, drawn)
    (prompt,) = client.run(graph).text(found)
    assert len(prompt.removesuffix(TARGET).split()) == 4

    again = AttackGraph()
    attack = again.optimise(attack="discrete tokens", steps=3)
    drawn, typed = (again.draw(again.model, each) for each in (attack[0], again.encode(prompt)))
    same, other = again.compare(drawn, typed), again.compare(drawn, again.picture())
    result = client.run(again)
    assert float(result.text(same)[0]) < SAME
    assert float(result.text(other)[0]) > SAME, "control"
