"""What merging leaves of two erasures, in pictures of the shapes model: circles and stars, erased apart and merged.

    python -m demo.merging URL [--count 24]

URL is that of a running ComfyUI with the pack (`python run.py serve`). Prints a table for docs/merging.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping

import numpy as np
import torch

from harness.client import Client
from harness.graph import Graph, Node, Output

from .graphs import add_concepts, add_iterate, add_pictures, add_prompt
from .judge import classify, load_judge
from .plan import Plan

CIRCLES, STARS = Plan(), Plan(shape="star", anchor="triangle")
PLANS = (CIRCLES, STARS)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.merging")
    parser.add_argument("url")
    parser.add_argument("--count", type=int, default=24, help="pictures a cell (default: 24)")
    given = parser.parse_args()
    graph = Graph()
    demo = graph.add("ReceDemoModel", model="shapes")
    with Client(given.url) as client:
        drawn = count_drawn(client, graph, demo, merge_models(graph, demo), given.count)
    print(f"of {given.count} pictures each\n\n| model | circles | stars |\n|---|---:|---:|")
    for name, counts in drawn.items():
        print(f"| {name} | {' | '.join(map(str, counts))} |")


def erase(graph: Graph, demo: Node, plan: Plan, model: Output | None = None) -> Node:
    """RECE Iterate with what `plan` erases: MODEL, ERASURE, report."""
    return add_iterate(graph, demo, add_concepts(graph, plan), plan, plan.epochs, model)


def merge(graph: Graph, first: Output, second: Output, ratio: float = 0.5) -> Output:
    """MODEL by the host's own node: `ratio` of the first, the rest of the second."""
    return graph.add("ModelMergeSimple", model1=first, model2=second, ratio=ratio)[0]


def merge_models(graph: Graph, demo: Node) -> dict[str, Output]:
    """The models of the table by what they are."""
    original = demo[0]
    circles, stars = (erase(graph, demo, plan)[0] for plan in PLANS)
    difference = graph.add("ModelMergeSubtract", model1=stars, model2=original, multiplier=1.0)[0]
    return {
        "the original": original,
        "circles erased": circles,
        "stars erased": stars,
        "circles erased, half and half with the original": merge(graph, circles, original),
        "the average of the two erased": merge(graph, circles, stars),
        "circles erased, and the difference of stars erased added": graph.add(
            "ModelMergeAdd", model1=circles, model2=difference
        )[0],
        "circles erased, then stars": erase(graph, demo, STARS, circles)[0],
    }


def count_drawn(
    client: Client,
    graph: Graph,
    demo: Node,
    models: Mapping[str, Output],
    count: int,
    plans: Iterable[Plan] = PLANS,
) -> dict[str, list[int]]:
    """Of `count` pictures by each of `models`, how many show what each of `plans` erases, asked for by name."""
    plans = tuple(plans)
    nodes = {}
    for name, model in models.items():
        for plan in plans:
            prompt = add_prompt(graph, demo, f"a red {plan.shape}")
            pictures = add_pictures(graph, demo, model, prompt, seed=1, count=count)
            nodes[name, plan] = graph.add("PreviewImage", images=pictures)
    result, judge = client.run(graph), load_judge()

    def see(node: Node, plan: Plan) -> int:
        stack = torch.from_numpy(np.stack(result.images(node))[..., :3]).float() / 255
        return sum(verdict.shape == plan.shape for verdict in classify(judge, stack))

    return {name: [see(nodes[name, plan], plan) for plan in plans] for name in models}


if __name__ == "__main__":
    main()
