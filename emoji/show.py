"""`python run.py demo`: make the emoji model forget an object, a style and twenty things, and draw before and after.

    python -m emoji.show URL FOLDER [--model emoji] [--seed 1] [--carefulness 0.5]

All of it runs in a real ComfyUI with the nodes' own defaults; each thing is given what to draw instead. At
carefulness 0 value erasure stays, however far it moves the rest. Writes
`before-and-after.png`, `table.md` and `results.json` into FOLDER and prints the table.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch

from demo.graphs import Sampling, add_pictures, add_prompt
from harness.client import Client, Result
from harness.graph import Graph, Node, Output
from harness.widgets import read_defaults

from .generators import CFG, SCHEDULERS, STEPS, Architecture
from .judge import Verdicts, classify, load_judge, name_answer
from .world import STYLES, load_concepts

ARCHITECTURES: dict[str, Architecture] = {"emoji": "flux", "emoji, U-Net": "unet"}
SAMPLINGS = {name: Sampling(STEPS, CFG, SCHEDULERS[each]) for name, each in ARCHITECTURES.items()}
TWENTY = {
    **{"pizza": "taco", "dog": "cat", "rose": "tulip", "guitar": "violin", "rocket": "airplane", "lion": "tiger"},
    **{"banana": "lemon", "umbrella": "balloon", "spider": "lady beetle", "trophy": "crown", "cigarette": "pencil"},
    **{"beer mug": "glass of milk", "bomb": "soccer ball", "skull": "robot", "dagger": "key", "syringe": "pencil"},
    **{"bus": "automobile", "whale": "dolphin", "strawberry": "tomato", "castle": "house"},
}
OTHERS = (
    *("cat", "tulip", "violin", "airplane", "tiger", "lemon", "balloon", "crown", "key", "robot"),
    *("hamburger", "panda", "fox", "cactus", "watermelon", "doughnut", "helicopter", "drum", "scissors", "snowman"),
)


@dataclass(frozen=True)
class Scene:
    """What is forgotten, a line each as in RECE Concepts; prompts that ask for it, and others.

    A prompt's second part is what its picture shows: a concept's name, or a style's.
    """

    title: str
    lines: tuple[str, ...]
    asked: tuple[tuple[str, str], ...]
    others: tuple[tuple[str, str], ...]
    columns: int


SCENES = (
    Scene(
        "Forget an object: pizza => taco",
        ("pizza => taco",),
        tuple(
            (text, "pizza") for text in ("pizza", "a pizza", "a drawing of a pizza", "pizza icon", "an emoji of pizza")
        ),
        tuple(
            (name, name) for name in ("taco", "hamburger", "hot dog", "bread", "cheese wedge", "dog", "rose", "rocket")
        ),
        13,
    ),
    Scene(
        "Forget a style: ink => flat",
        ("ink => flat", "black and white line art => microsoft flat"),
        tuple((f"a {name} in ink style", "ink") for name in ("crab", "guitar", "cat", "tulip", "house")),
        (
            *((f"a {name}, 3d", "3d") for name in ("crab", "guitar", "cat", "tulip")),
            *((f"a {name} in flat style", "flat") for name in ("crab", "guitar", "cat", "tulip")),
        ),
        13,
    ),
    Scene(
        "Forget twenty things at once",
        tuple(f"{name} => {anchor}" for name, anchor in TWENTY.items()),
        tuple((name, name) for name in TWENTY),
        tuple((name, name) for name in OTHERS),
        20,
    ),
)


@dataclass(frozen=True)
class Shown:
    """Pictures before and after, (n, 64, 64, 3) uint8, those asked for first; of how many the judge says yes."""

    before: np.ndarray
    after: np.ndarray
    hits: Mapping[str, int]


def main() -> None:
    parser = argparse.ArgumentParser(prog="run.py demo", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", choices=list(SAMPLINGS), default="emoji", help="which of the emoji models")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--carefulness", type=float, help="RECE Iterate's slider (default: the node's)")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    judge = load_judge()
    shown = {}
    with Client(given.url) as client:
        described = client.object_info()
        defaults = {kind: read_defaults(described[kind]) for kind in ("ReceConcepts", "ReceIterate")}
        if given.carefulness is not None:
            defaults["ReceIterate"]["carefulness"] = given.carefulness
        for scene in SCENES:
            start = time.perf_counter()
            shown[scene] = show(
                client, scene, given.model, given.seed, defaults, lambda pictures: classify(judge, pictures)
            )
            print(f"{scene.title}: {time.perf_counter() - start:.0f} s", flush=True)
    table = write_table(shown)
    (given.folder / "table.md").write_text(table, encoding="utf-8")
    counted = {scene.title: {**result.hits, **sizes(scene)} for scene, result in shown.items()}
    (given.folder / "results.json").write_text(json.dumps(counted, indent=2), encoding="utf-8")
    draw_sheet(shown, given.folder / "before-and-after.png")
    print(f"\n{table}\nOpen {given.folder / 'before-and-after.png'}")


def show(
    client: Client,
    scene: Scene,
    model: str,
    seed: int,
    defaults: Mapping[str, Mapping[str, Any]],
    judge: Callable[[torch.Tensor], Verdicts],
) -> Shown:
    """Erase what the scene says, and draw every prompt from the same noise before and after."""
    graph = Graph()
    loaded = graph.add("ReceDemoModel", model=model)
    wanted = {**defaults["ReceConcepts"], "kind": "custom", "targets": "\n".join(scene.lines)}
    concepts = graph.add("ReceConcepts", **wanted)
    erased = graph.add("ReceIterate", model=loaded[0], clip=loaded[1], concepts=concepts, **defaults["ReceIterate"])
    prompts = [*scene.asked, *scene.others]
    nodes = {
        stage: [
            add_picture(graph, loaded, source, text, seed + place, SAMPLINGS[model])
            for place, (text, _) in enumerate(prompts)
        ]
        for stage, source in (("before", loaded[0]), ("after", erased[0]))
    }
    result = client.run(graph)
    pictures = {stage: collect(result, each) for stage, each in nodes.items()}
    hits = {}
    for stage, each in pictures.items():
        right = are_right(judge(torch.from_numpy(each).float() / 255), [shows for _, shows in prompts])
        hits[f"asked for, {stage}"] = sum(right[: len(scene.asked)])
        hits[f"others, {stage}"] = sum(right[len(scene.asked) :])
    return Shown(pictures["before"], pictures["after"], hits)


def add_picture(graph: Graph, loaded: Node, model: Output, text: str, seed: int, sampling: Sampling) -> Node:
    """PreviewImage of one picture."""
    positive = add_prompt(graph, loaded, text)
    return graph.add("PreviewImage", images=add_pictures(graph, loaded, model, positive, seed, 1, sampling=sampling))


def collect(result: Result, nodes: Sequence[Node]) -> np.ndarray:
    """The picture of each node, (n, height, width, 3), uint8."""
    return np.stack([result.images(node)[0][..., :3] for node in nodes])


def are_right(verdicts: Verdicts, shows: Sequence[str]) -> list[bool]:
    """Whether each picture shows the concept, or the style, that it should."""
    concepts, styles = load_concepts(), list(STYLES)
    answers = zip(shows, verdicts.concepts[:, 0].tolist(), verdicts.styles.tolist(), strict=True)
    return [name == (styles[style] if name in STYLES else name_answer(best, concepts)) for name, best, style in answers]


def sizes(scene: Scene) -> dict[str, int]:
    """How many pictures a scene has of each kind."""
    return {"asked for": len(scene.asked), "others": len(scene.others)}


def write_table(shown: Mapping[Scene, Shown]) -> str:
    """How many pictures show what the prompt says, as Markdown."""
    lines = ["| | asked for: before | after | others: before | after |", "|---|---:|---:|---:|---:|"]
    for scene, result in shown.items():
        cells = [
            f"{result.hits[f'{kind}, {stage}']} of {count}"
            for kind, count in sizes(scene).items()
            for stage in ("before", "after")
        ]
        lines.append(f"| {scene.title} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def draw_sheet(shown: Mapping[Scene, Shown], path: Path) -> None:
    """Before above after; a scene that does not fit into one band gets one for what is forgotten, one for the rest."""
    bands = [band for scene, result in shown.items() for band in cut(scene, result)]
    heights = [2 * 13 / columns + 0.55 for _, columns, *_ in bands]
    figure, axes = plt.subplots(len(bands), 1, figsize=(13, sum(heights)), height_ratios=heights)
    for axis, (title, columns, forgotten, before, after) in zip(axes, bands, strict=True):
        side = before.shape[1]
        rows = [np.concatenate(list(each), 1) for each in (before, after)]
        axis.imshow(np.concatenate(rows), interpolation="lanczos")
        axis.set_title(title, loc="left", fontsize=13, fontweight="bold")
        axis.set_yticks([side / 2, 1.5 * side], ["before", "after"], fontsize=10)
        axis.set_xticks([])
        axis.set_xlim(-0.5, columns * side)
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
        if 0 < forgotten < columns:
            axis.axvline(forgotten * side, color="black", linewidth=2)
    figure.tight_layout(h_pad=0.6)
    figure.savefig(path, dpi=90)
    plt.close(figure)


Band = tuple[str, int, int, np.ndarray, np.ndarray]


def cut(scene: Scene, result: Shown) -> list[Band]:
    """Title, columns, how many of them are forgotten, and pictures before and after, of each band of a scene."""
    count = len(scene.asked)
    if len(result.before) <= scene.columns:
        title = f"{scene.title}      (left of the line: asked for; right of it: everything else)"
        return [(title, scene.columns, count, result.before, result.after)]
    return [
        (f"{scene.title}: asked for", scene.columns, 0, result.before[:count], result.after[:count]),
        ("… and everything else", scene.columns, 0, result.before[count:], result.after[count:]),
    ]


if __name__ == "__main__":
    main()
