"""Choose the concepts that are offered: those that a model draws, found on one half of the seeds, told by the other.

python -m emoji.offer CHECKPOINT --out ranking.json
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from .captions import write_caption
from .judge import FILE, classify, load_judge, name_answer
from .training.host import prepare_host
from .world import STYLES, Concept, load_concepts

if TYPE_CHECKING:
    from .drawing import Model

SEED = 80_001


def write_prompts(concepts: Sequence[Concept], numbers: Sequence[int], looks: int, half: int) -> list[tuple[int, str]]:
    """Numbers of concepts and prompts by name, `looks` of each, styles in turn; halves differ in words and noise."""
    styles = list(STYLES)
    prompts = []
    for number in numbers:
        rng = random.Random(SEED * 10_000_000 + number * 10 + half)
        for look in range(looks):
            style = styles[(number + half + 2 * look) % len(styles)] if look % 2 else None
            prompts.append((number, write_caption(concepts[number], rng, style=style).text))
    return prompts


def rank(
    model: Model, numbers: Sequence[int], looks: int, half: int, judge_file: Path, steps: int
) -> dict[int, tuple[float, float, int]]:
    """Of each concept: share right in `looks` pictures, how sure the judge is of those, its most frequent answer."""
    from .drawing import BATCH, draw

    judge, prompts = load_judge(judge_file), write_prompts(load_concepts(), numbers, looks, half)
    answers: dict[int, list[tuple[int, float]]] = {number: [] for number in numbers}
    for start in range(0, len(prompts), BATCH):
        part = prompts[start : start + BATCH]
        seeds = [SEED + half * 1_000_000 + start + place for place in range(len(part))]
        verdicts = classify(judge, draw(model, [text for _, text in part], seeds, steps))
        for (number, _), best, sure in zip(part, verdicts.concepts[:, 0].tolist(), verdicts.sure.tolist(), strict=True):
            answers[number].append((best, sure))
        if start // BATCH % 10 == 0:
            print(f"{start + len(part)} of {len(prompts)}", flush=True)
    ranked = {}
    for number, given in answers.items():
        right = [sure for best, sure in given if best == number]
        names = [best for best, _ in given]
        ranked[number] = (len(right) / len(given), sum(right) / len(given), max(names, key=names.count))
    return ranked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="a JSON file: labels with their shares, best first")
    parser.add_argument("--concepts", type=Path, help="a JSON list of the labels to look at; all by default")
    parser.add_argument("--looks", type=int, default=4, help="pictures of each concept")
    parser.add_argument("--half", type=int, choices=(0, 1), default=0, help="0 to choose by, 1 to report")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--judge", type=Path, default=FILE)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bfloat16", action="store_true", help="quicker, and near enough to choose by")
    options = parser.parse_args()
    prepare_host()
    torch.set_num_threads(options.threads)
    from .drawing import load_model
    from .training.data import read_list

    concepts = load_concepts()
    numbers = read_list(options.concepts) or list(range(len(concepts)))
    with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
        model = load_model(options.checkpoint)
        ranked = rank(model, numbers, options.looks, options.half, options.judge, options.steps)
    best_first = sorted(ranked, key=lambda number: ranked[number], reverse=True)
    told = {
        concepts[n].label: [ranked[n][0], round(ranked[n][1], 3), name_answer(ranked[n][2], concepts)]
        for n in best_first
    }
    options.out.write_text(json.dumps(told, indent=0, ensure_ascii=False), encoding="utf-8")
    shares = [share for share, _, _ in ranked.values()]
    print(f"right {sum(shares) / len(shares):.1%} of {len(shares)} concepts; {sum(s >= 0.9 for s in shares)} at 90 %")


if __name__ == "__main__":
    main()
