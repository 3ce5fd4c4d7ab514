"""Write the example workflows and their pictures, by running them on a ComfyUI with the pack.

    python run.py serve                          # in one terminal
    python -m example_workflows.build http://127.0.0.1:8188

Each graph is written once, here; the page's format, the layout and the picture follow from it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from demo.graphs import add_concepts, add_derived, add_edit, add_iterate, add_pictures, add_prompt
from demo.plan import Plan
from harness.client import Client
from harness.graph import Graph, Node, Output
from harness.workflow import to_ui

FOLDER = Path(__file__).parent
PLAN = Plan()
SWAP = (
    "To use a model of your own, replace **RECE Demo Model** by **Load Checkpoint** and connect the same three outputs."
)


def first_try() -> Graph:
    """Before and after, same prompt and seed."""
    graph = Graph()
    graph.note(
        "# Make a model forget\n\nThe small model that ships with the pack forgets *circle* and draws a square. "
        f"Press **Run**: first as it was, then after **RECE Iterate**, with the same prompt and seed.\n\n{SWAP}"
    )
    demo, _, erased = _erase(graph)
    for title, model in (("Before", demo[0]), ("After", erased[0])):
        with graph.group(title):
            _save(graph, demo, model, add_prompt(graph, demo, "a red circle"), title)
    return graph


def erase_and_save_checkpoint() -> Graph:
    """An erased checkpoint as an ordinary file, and the erasure as a small one."""
    graph = Graph()
    graph.note(
        "# Erase and save\n\n**Save Checkpoint** writes an ordinary checkpoint that needs nothing of this pack; **RECE "
        f"Save Erasure** writes a small file that **RECE Apply Erasure** puts onto models again.\n\n{SWAP}"
    )
    demo, _, erased = _erase(graph)
    with graph.group("Check"):
        _save(graph, demo, erased[0], add_prompt(graph, demo, "a blue circle"), "After")
    with graph.group("Save"):
        graph.add(
            "CheckpointSave", model=erased[0], clip=demo[1], vae=demo[2], filename_prefix="checkpoints/without-circles"
        )
        graph.add("ReceSaveErasure", erasure=erased[1], filename_prefix="without-circles")
    return graph


def see_what_is_left() -> Graph:
    """Derive the embedding that brings the concept back, and sample it."""
    graph = Graph()
    graph.note(
        "# See what is left\n\n**RECE Edit Model** makes the words act differently, but the weights still know "
        "circles: the embedding that **RECE Derive Embedding** finds brings them back. After **RECE Iterate** the "
        f"same embedding no longer does.\n\n{SWAP}"
    )
    demo, concepts, iterated = _erase(graph)
    edited = add_edit(graph, demo, concepts, PLAN)
    prompt = "a green circle"
    with graph.group("By its name, after the first edit"):
        _save(graph, demo, edited[0], add_prompt(graph, demo, prompt), "Edited")
    derived = add_derived(graph, demo, edited[0], prompt, PLAN)
    with graph.group("By the derived embedding, after the first edit"):
        _save(graph, demo, edited[0], derived[0], "Edited-derived")
    with graph.group("By the same embedding, after RECE Iterate"):
        _save(graph, demo, iterated[0], derived[0], "Iterated-derived")
    return graph


def _erase(graph: Graph) -> tuple[Node, Node, Node]:
    demo = graph.add("ReceDemoModel")
    concepts = add_concepts(graph, PLAN)
    return demo, concepts, add_iterate(graph, demo, concepts, PLAN, PLAN.epochs)


def _save(graph: Graph, demo: Node, model: Output, positive: Output, title: str) -> None:
    pictures = add_pictures(graph, demo, model, positive, seed=7, count=4)
    graph.add("SaveImage", images=pictures, filename_prefix=f"rece/{title}").titled(title)


WORKFLOWS: tuple[Callable[[], Graph], ...] = (first_try, erase_and_save_checkpoint, see_what_is_left)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="a ComfyUI with the pack")
    with Client(parser.parse_args().url) as client:
        described = client.object_info()
        for build in WORKFLOWS:
            graph = build()
            path = FOLDER / f"{build.__name__}.json"
            path.write_text(json.dumps(to_ui(graph, described), indent=1) + "\n", encoding="utf-8")
            result = client.run(graph)
            saved = [node for node in graph.nodes.values() if node.class_type == "SaveImage"]
            rows = [np.concatenate(result.images(node), 1)[..., :3] for node in saved]
            Image.fromarray(np.concatenate(rows, 0)).save(path.with_suffix(".jpg"), quality=90)
            print(f"{path.name}: written and run")


if __name__ == "__main__":
    main()
