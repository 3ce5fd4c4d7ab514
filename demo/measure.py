"""Measure the shipped model through the host's own KSampler code, and write `demo/figures.json`.

python -m demo.measure            (COMFYUI_DIR names a ComfyUI; about ten minutes on one core)
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from harness.marks import fill_marks

from .captions import SHAPE_NAMES, Caption, write_caption
from .judge import classify, load_judge
from .training.host import prepare_host
from .training.train_judge import measure_judge
from .world import COLOURS, FILLS, SHAPES

FOLDER = Path(__file__).parent
FIGURES = FOLDER / "figures.json"
STEPS, CFG, SAMPLER, SCHEDULER = 20, 5.0, "euler", "normal"
SEED = 50_001
BATCHES = (1, 4, 8)


@torch.inference_mode()
def sample(models: tuple[Any, Any, Any], text: str, seed: int, count: int = 1) -> torch.Tensor:
    """`count` pictures of a text at once, (count, 128, 128, 3), as EmptyLatentImage, CLIPTextEncode, KSampler and
    VAEDecode make them."""
    # By name, since the type checker takes `nodes` for the repository's own package.
    nodes = importlib.import_module("nodes")
    model, clip, vae = models
    (positive,) = nodes.CLIPTextEncode().encode(clip, text)
    (negative,) = nodes.CLIPTextEncode().encode(clip, "")
    (latent,) = nodes.EmptyLatentImage().generate(128, 128, count)
    (sampled,) = nodes.common_ksampler(model, seed, STEPS, CFG, SAMPLER, SCHEDULER, positive, negative, latent)
    return nodes.VAEDecode().decode(vae, sampled)[0]


def sample_each(models: tuple[Any, Any, Any], texts: list[str], first_seed: int) -> torch.Tensor:
    """One picture a text, (n, 128, 128, 3), a seed each."""
    return torch.cat([sample(models, text, first_seed + number) for number, text in enumerate(texts)])


def measure_speed(models: tuple[Any, Any, Any]) -> dict[str, float]:
    """Median seconds a picture for each size of batch, on the threads there are; sizes in turn, so that all see the
    same machine."""
    seconds: dict[int, list[float]] = {size: [] for size in BATCHES}
    for turn in range(6):
        for size in BATCHES:
            began = time.perf_counter()
            sample(models, "a red circle", turn, size)
            if turn:  # the first of a size prepares its kernels
                seconds[size].append((time.perf_counter() - began) / size)
    return {str(size): round(float(np.median(each)), 3) for size, each in seconds.items()}


def draw_prompts(rng: np.random.Generator, count: int, write: Callable[..., Caption]) -> list[Caption]:
    """Captions that settle shape, colour and fill, every combination as often as any other."""
    combinations = [(s, c, f) for s in SHAPES for c in COLOURS for f in FILLS]
    order = np.concatenate([rng.permutation(len(combinations)) for _ in range(-(-count // len(combinations)))])
    made = []
    for i in order[:count]:
        shape, colour, fill = combinations[i]
        made.append(write(rng, shape=shape, colour=colour, fill=fill))
    return made


def write_plainly(rng: np.random.Generator, *, shape: str, colour: str, fill: str) -> Caption:
    """The simplest prompt: "a striped red circle"."""
    return Caption(f"a {fill} {colour} {shape}", shape, colour, fill)


def write_synonym(rng: np.random.Generator, *, shape: str, colour: str, fill: str) -> Caption:
    """The simplest prompt with a name that is not the shape's first."""
    return Caption(f"a {fill} {colour} {rng.choice(SHAPE_NAMES[shape][1:])}", shape, colour, fill)


def write_trained(rng: np.random.Generator, *, shape: str, colour: str, fill: str) -> Caption:
    """A phrasing of the training."""
    return write_caption(rng, shape=shape, colour=colour, fill=fill)


def write_held_out(rng: np.random.Generator, *, shape: str, colour: str, fill: str) -> Caption:
    """A phrasing that training never saw, around a name of the shape."""
    return write_caption(rng, shape=shape, colour=colour, fill=fill, split="held_out")


def write_described(rng: np.random.Generator, *, shape: str, colour: str, fill: str) -> Caption:
    """A description that never names the shape, as in training."""
    return write_caption(rng, shape=shape, colour=colour, fill=fill, described=True)


def write_described_held_out(rng: np.random.Generator, *, shape: str, colour: str, fill: str) -> Caption:
    """A description in words and a phrasing that training never saw."""
    return write_caption(rng, shape=shape, colour=colour, fill=fill, split="held_out", described=True)


PROMPTS: dict[str, Callable[..., Caption]] = {
    "plain prompts": write_plainly,
    "synonyms": write_synonym,
    "training phrasings": write_trained,
    "held-out phrasings": write_held_out,
    "descriptions": write_described,
    "held-out descriptions": write_described_held_out,
}


def count_right(captions: list[Caption], pictures: torch.Tensor) -> dict[str, Any]:
    """Shares of pictures whose shape, colour and fill are what the caption says, and the shapes' misses by name."""
    verdicts = classify(load_judge(), pictures)
    pairs = list(zip(captions, verdicts, strict=True))
    shares: dict[str, Any] = {"n": len(pairs)}
    for attribute in ("shape", "colour", "fill"):
        right = [getattr(caption, attribute) == getattr(verdict, attribute) for caption, verdict in pairs]
        shares[attribute] = round(sum(right) / len(right), 4)
    misses = [f"{caption.shape} -> {verdict.shape}" for caption, verdict in pairs if caption.shape != verdict.shape]
    return {**shares, "misses": {miss: misses.count(miss) for miss in sorted(set(misses))}}


def tabulate(figures: dict[str, Any]) -> str:
    """The figures as README's tables."""
    lines = ["| prompts | n | shape | colour | fill |", "|---|---|---|---|---|"]
    for kind in PROMPTS:
        row = figures[kind]
        shares = " | ".join(f"{row[attribute]:.1%}" for attribute in ("shape", "colour", "fill"))
        lines.append(f"| {kind} | {row['n']} | {shares} |")
    speed = ", ".join(f"{seconds:.2f} in a batch of {size}" for size, seconds in figures["seconds a picture"].items())
    lines += ["", f"Seconds a picture: {speed}."]
    judge = figures["judge"]
    lines += ["", "The judge on fresh renders (n = 2000 each; none: n = 1920):", ""]
    lines += ["| renders | shape | colour | fill |", "|---|---|---|---|"]
    for name in ("world", "wider"):
        lines.append(
            f"| {name} | " + " | ".join(f"{judge[f'{name} {a}']:.1%}" for a in ("shape", "colour", "fill")) + " |"
        )
    lines += [
        "",
        f'It says "none" to {judge["none"]:.1%} of negatives. All weights together: {figures["megabytes"]} MB.',
    ]
    return "\n".join(lines)


def save_contact_sheet(models: tuple[Any, Any, Any]) -> None:
    """One picture of every shape in every fill, colours in turn, as a JPEG."""
    colours = list(COLOURS)
    texts = [
        f"a {fill} {colours[(i + 3 * j) % 8]} {shape}" for j, fill in enumerate(FILLS) for i, shape in enumerate(SHAPES)
    ]
    pictures = sample_each(models, texts, 7)
    rows = [torch.cat(list(row), 1) for row in pictures.split(len(SHAPES))]
    Image.fromarray((torch.cat(rows, 0) * 255).round().byte().numpy()).save(FOLDER / "contact_sheet.jpg", quality=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=216, help="pictures for each kind of prompt")
    parser.add_argument(
        "--only", nargs="*", default=list(PROMPTS), help="these kinds of prompts alone; nothing is written"
    )
    options = parser.parse_args()
    prepare_host()
    torch.set_num_threads(1)
    from .family import load_demo_model

    models = load_demo_model()
    figures: dict[str, Any] = {"judge": {k: round(v, 4) for k, v in measure_judge(load_judge()).items()}}
    figures["seconds a picture"] = measure_speed(models)
    print(figures, flush=True)
    for number, (kind, write) in enumerate(PROMPTS.items()):
        if kind not in options.only:
            continue
        captions = draw_prompts(np.random.default_rng(SEED + number), options.count, write)
        pictures = sample_each(models, [caption.text for caption in captions], 1000 * SEED + 1000 * number)
        figures[kind] = count_right(captions, pictures)
        print(kind, figures[kind], flush=True)
    if set(options.only) == set(PROMPTS):
        weights = sum(path.stat().st_size for path in (FOLDER / "weights").glob("*.safetensors"))
        figures["megabytes"] = round(weights / 1e6, 2)
        FIGURES.write_text(json.dumps(figures, indent=2) + "\n")
        fill_marks(FOLDER / "README.md", "figures", tabulate(figures))
        save_contact_sheet(models)


if __name__ == "__main__":
    main()
