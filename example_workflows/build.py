"""Write the example workflows, their pictures and the subgraph blueprint, with a ComfyUI that has the pack.

    python run.py serve                          # in one terminal
    python -m example_workflows.build http://127.0.0.1:8188

Each graph is written once, in `small.py` and `own.py`; the page's format and the layout follow from it. The pictures
are of one size and by the emoji model: two prompts, left before and right after something else was forgotten.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from demo.graphs import PIXELS
from harness.client import Client
from harness.environment import ROOT
from harness.graph import Graph
from harness.workflow import to_api, to_ui

from . import own, small
from .blueprint import FILE, make_blueprint
from .models import name_models
from .parts import ask, set_scene
from .templates import TEMPLATES, Template

FOLDER = Path(__file__).parent
WEIGHTS = ROOT / "demo" / "weights" / "demo.safetensors"
LIST = ROOT / "demo" / "prompts" / small.PROMPTS
SIDE = 512  # of a picture


@contextlib.contextmanager
def small_model_standing_in(client: Client, base: Path) -> Iterator[None]:
    """The small model under the names of the checkpoints that workflows ask for, one of them erased; and a list.

    `base` is the base folder of the server. What was put there is taken back at the end.
    """
    checkpoints = base / "models" / "checkpoints"
    copies = [(WEIGHTS, checkpoints / name) for name in (own.SD, own.SDXL, own.FLUX)]
    copies.append((LIST, base / "input" / own.I2P))
    graph = small.save_a_checkpoint()
    client.run({name: entry for name, entry in graph.prompt().items() if entry["class_type"] != "ReceSaveErasure"})
    saved = max((base / "output" / "checkpoints").glob(f"{small.SAVED}_*"))
    copies.append((saved, checkpoints / own.ERASED))
    for source, copy in copies:
        shutil.copy(source, copy)
    try:
        yield
    finally:
        for _, copy in copies:
            copy.unlink()


def make_workflow(template: Template, described: Mapping[str, Any]) -> dict[str, Any]:
    """A workflow as the page opens it, with what the page needs to fetch the files that it asks for."""
    return name_models(to_ui(template.build(), described))


def draw(client: Client, described: Mapping[str, Any], template: Template) -> Image.Image:
    """The picture of a template: a row a prompt, before and after."""
    graph = Graph()
    demo = graph.add("ReceDemoModel", model="emoji")
    erased = graph.add("ReceErase", model=demo[0], clip=demo[1], targets=template.targets)
    scene = set_scene(graph, demo, PIXELS, 1, small.EMOJI)
    saved = [
        graph.add("PreviewImage", images=scene.draw(graph, model, ask(graph, demo, prompt)))
        for prompt in template.prompts
        for model in (demo[0], erased[0])
    ]
    result = client.run(to_api(to_ui(graph, described), described))
    tiles = [result.images(node)[0][..., :3] for node in saved]
    sheet = np.concatenate([np.concatenate(tiles[row : row + 2], 1) for row in (0, 2)])
    return Image.fromarray(sheet).resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="a ComfyUI with the pack")
    parser.add_argument("names", nargs="*", help="workflows to write; all without")
    given = parser.parse_args()
    with Client(given.url) as client:
        described = client.object_info()
        for template in TEMPLATES:
            if template.name in (given.names or [template.name]):
                path = FOLDER / f"{template.name}.json"
                path.write_text(json.dumps(make_workflow(template, described), indent=1) + "\n", encoding="utf-8")
                draw(client, described, template).save(FOLDER / f"{template.name}.jpg", quality=85)
                print(f"{path.name}: written")
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(json.dumps(make_blueprint(described), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
