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

from demo.experiment import Plan
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
    demo, erased = _erase(graph)
    for title, model in (("Before", demo[0]), ("After", erased[0])):
        with graph.group(title):
            _sample(graph, demo, model, graph.add("CLIPTextEncode", clip=demo[1], text="a red circle")[0], title)
    return graph


def erase_and_save_checkpoint() -> Graph:
    """An erased checkpoint as an ordinary file, and the erasure as a small one."""
    graph = Graph()
    graph.note(
        "# Erase and save\n\n**Save Checkpoint** writes an ordinary checkpoint that needs nothing of this pack; **RECE "
        f"Save Erasure** writes a small file that **RECE Apply Erasure** puts onto models again.\n\n{SWAP}"
    )
    demo, erased = _erase(graph)
    with graph.group("Check"):
        prompt = graph.add("CLIPTextEncode", clip=demo[1], text="a blue circle")
        _sample(graph, demo, erased[0], prompt[0], "After")
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
    demo, iterated = _erase(graph)
    concepts = iterated.inputs["concepts"]
    edited = graph.add("ReceEditModel", model=demo[0], clip=demo[1], concepts=concepts, **_edit_widgets())
    with graph.group("By its name, after the first edit"):
        named = graph.add("CLIPTextEncode", clip=demo[1], text="a green circle")
        _sample(graph, demo, edited[0], named[0], "Edited")
    with graph.group("By the derived embedding"):
        derived = graph.add(
            "ReceDeriveEmbedding",
            model=demo[0],
            edited_model=edited[0],
            clip=demo[1],
            target="a green circle",
            anchor="a green square",
            derivation_ridge=PLAN.derivation_ridge,
            ridge_scale="auto",
        )
        _sample(graph, demo, edited[0], derived[0], "Edited-derived")
        _sample(graph, demo, iterated[0], derived[0], "Iterated-derived")
    return graph


WORKFLOWS: tuple[Callable[[], Graph], ...] = (first_try, erase_and_save_checkpoint, see_what_is_left)


def _erase(graph: Graph) -> tuple[Node, Node]:
    demo = graph.add("ReceDemoModel")
    concepts = graph.add(
        "ReceConcepts",
        kind="custom",
        targets="\n".join(PLAN.targets),
        default_anchor="",
        preserve="\n".join(PLAN.preserved),
    )
    erased = graph.add(
        "ReceIterate",
        model=demo[0],
        clip=demo[1],
        concepts=concepts[0],
        schedule="manual",
        iteration=PLAN.iteration,
        epochs=PLAN.epochs,
        derivation_ridge=PLAN.derivation_ridge,
        **_edit_widgets(),
    )
    return demo, erased


def _edit_widgets() -> dict[str, float | str]:
    return {
        "erase_scale": 1.0,
        "preserve_scale": 0.1,
        "edit_ridge": PLAN.edit_ridge,
        "tokens": "from subject",
        "ridge_scale": "auto",
    }


def _sample(graph: Graph, demo: Node, model: Output, positive: Output, title: str) -> None:
    sampled = graph.add(
        "KSampler",
        model=model,
        seed=7,
        steps=20,
        cfg=5.0,
        sampler_name="euler",
        scheduler="normal",
        positive=positive,
        negative=graph.add("CLIPTextEncode", clip=demo[1], text="")[0],
        latent_image=graph.add("EmptyLatentImage", width=128, height=128, batch_size=4)[0],
        denoise=1.0,
    )
    decoded = graph.add("VAEDecode", samples=sampled[0], vae=demo[2])
    graph.add("SaveImage", images=decoded[0], filename_prefix=f"rece/{title}").titled(title)


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
