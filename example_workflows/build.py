"""Write the example workflows, their pictures and the subgraph blueprint, by running them on a ComfyUI with the pack.

    python run.py serve                          # in one terminal
    python -m example_workflows.build http://127.0.0.1:8188 .host/serve

Each graph is written once, in `small.py` and `own.py`; the page's format, the layout and the picture follow from it.
The second argument is the server's base folder. For the pictures the small model stands in for the checkpoints that
some workflows ask for, under their names.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from demo.graphs import PIXELS
from harness.client import Client, Prompt
from harness.environment import ROOT
from harness.graph import Graph
from harness.workflow import to_api, to_ui

from . import own, small
from .blueprint import FILE, make_blueprint

FOLDER = Path(__file__).parent
WEIGHTS = ROOT / "demo" / "weights" / "demo.safetensors"
LIST = ROOT / "demo" / "prompts" / small.PROMPTS
SMALL: tuple[Callable[[], Graph], ...] = (
    small.first_try,
    small.erase_and_save_checkpoint,
    small.erase_several,
    small.see_what_is_left,
    small.report_and_compare,
    small.count_a_table,
    small.red_team,
)
CIRCLES = "\n".join(small.PLAN.targets)
#: Each beside what is drawn for its picture: the same graph with words that the small model knows.
OWN: dict[Callable[[], Graph], Callable[[], Graph]] = {
    own.artistic_style: partial(
        own.artistic_style, CIRCLES, "\n".join(small.PLAN.preserved), ("a red circle", "a blue star"), PIXELS
    ),
    own.audit_a_checkpoint: partial(own.audit_a_checkpoint, "a red circle", "a red square", PIXELS),
    own.i2p_table: partial(own.i2p_table, CIRCLES),
    own.flux: partial(own.flux, "red circle => red square", "a red circle", PIXELS),
}
RUNS = {"count_a_table": 6, "i2p_table": 6}  # one for each row of a table that the output folder must not have yet


@contextlib.contextmanager
def small_model_standing_in(client: Client, base: Path) -> Iterator[None]:
    """The small model under the names of the checkpoints that workflows ask for, one of them erased; and a list.

    `base` is the base folder of the server. What was put there is taken back at the end.
    """
    checkpoints = base / "models" / "checkpoints"
    copies = [(WEIGHTS, checkpoints / own.SD), (WEIGHTS, checkpoints / own.FLUX), (LIST, base / "input" / own.I2P)]
    graph = small.erase_and_save_checkpoint()
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


def draw(client: Client, prompt: Prompt, runs: int) -> Image.Image:
    """What `prompt` saves in so many runs: a row of pictures for each node that saves."""
    pictures: dict[str, list[np.ndarray]] = {}
    for _ in range(runs):
        result = client.run(prompt)
        for node in result.outputs:
            pictures.setdefault(node, []).extend(picture[..., :3] for picture in result.images(node))
    rows = [np.concatenate(pictures[node], 1) for node in prompt if pictures.get(node)]
    sheet = Image.new("RGB", (max(row.shape[1] for row in rows), sum(len(row) for row in rows)), "white")
    top = 0
    for row in rows:
        sheet.paste(Image.fromarray(row), (0, top))
        top += len(row)
    return sheet


def write(client: Client, described: Mapping[str, Any], build: Callable[[], Graph], picture: Graph) -> None:
    """A workflow as the page opens it, and beside it the picture that `picture` draws."""
    path = FOLDER / f"{build.__name__}.json"
    path.write_text(json.dumps(to_ui(build(), described), indent=1) + "\n", encoding="utf-8")
    prompt = to_api(to_ui(picture, described), described)  # what its widgets leave out has the nodes' defaults
    draw(client, prompt, RUNS.get(path.stem, 1)).save(path.with_suffix(".jpg"), quality=90)
    print(f"{path.name}: written and run")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="a ComfyUI with the pack")
    parser.add_argument("base", type=Path, help="its base folder")
    parser.add_argument("names", nargs="*", help="workflows to write; all without")
    given = parser.parse_args()
    with Client(given.url) as client, small_model_standing_in(client, given.base):
        described = client.object_info()
        for build, stand_in in {**{each: each for each in SMALL}, **OWN}.items():
            if build.__name__ in (given.names or [build.__name__]):
                write(client, described, build, stand_in())
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(json.dumps(make_blueprint(described), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
