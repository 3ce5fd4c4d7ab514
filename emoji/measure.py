"""Measure a model by the judge, through the host's own sampler: names, styles, held-out pairs, keywords, phrasings.

python -m emoji.measure CHECKPOINT --concepts list.json --count 200 --out figures.json
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from scipy.stats import binomtest

from .captions import write_caption
from .judge import FILE, NONE, Verdicts, classify, load_judge
from .training.host import prepare_host
from .world import STYLES, Concept, is_held_out, load_concepts

if TYPE_CHECKING:
    from .drawing import Model

SEED = 90_001
#: What is asked for: a name alone, with a style, with a style of a pair never trained, a keyword, an unseen phrasing.
ROWS = ("names", "styles", "held-out pairs", "keywords", "unseen phrasings")


@dataclass(frozen=True)
class Prompt:
    """A text and what its picture should show; style -1 where any will do."""

    text: str
    concept: int
    style: int = -1
    keyword: str = ""


def write_prompts(row: str, concepts: Sequence[Concept], numbers: Sequence[int], count: int) -> list[Prompt]:
    """`count` prompts of a kind, the concepts in turn in a random order.

    Raises:
        ValueError: there is no such kind.
    """
    if row not in ROWS:
        raise ValueError(f"no row is called {row!r}; expected one of {', '.join(ROWS)}")
    rng, styles = random.Random(f"{SEED} {row}"), list(STYLES)
    pairs = [(number, style) for number in numbers for style in range(len(styles))]
    held = is_held_out(*torch.tensor(pairs).T).tolist()
    able = [pair for pair, out in zip(pairs, held, strict=True) if out == (row == "held-out pairs")]
    rng.shuffle(able)
    if row not in ("styles", "held-out pairs"):  # a concept once, in whatever style
        able = list(dict(able).items())
    prompts = []
    for place in range(count):
        number, style = able[place % len(able)]
        concept = concepts[number]
        if row in ("styles", "held-out pairs"):
            prompts.append(Prompt(write_caption(concept, rng, style=styles[style]).text, number, style))
        elif row == "keywords":
            keyword = rng.choice(concept.tags)
            prompts.append(Prompt(f"a {keyword.lower()}", number, keyword=keyword))
        else:
            prompts.append(Prompt(write_caption(concept, rng, unseen=row == "unseen phrasings").text, number))
    return prompts


def is_right(prompt: Prompt, answer: int, concepts: Sequence[Concept]) -> bool:
    """Whether an answer of the judge is what was asked for; by a keyword, any concept that has it."""
    if answer == NONE or not prompt.keyword:
        return answer == prompt.concept
    return prompt.keyword in concepts[answer].tags or prompt.keyword.lower() == concepts[answer].label.lower()


def tell(hits: int, n: int) -> dict[str, float]:
    """A share with Wilson's 95 % interval and n."""
    interval = binomtest(hits, n).proportion_ci(method="wilson")
    return {"share": round(hits / n, 4), "from": round(interval.low, 4), "to": round(interval.high, 4), "n": n}


def count_right(prompts: Sequence[Prompt], verdicts: Verdicts, concepts: Sequence[Concept]) -> dict[str, Any]:
    """Shares that the judge's first and first five answers are right, that the style is, and of none of these."""
    answers = list(zip(prompts, verdicts.concepts.tolist(), verdicts.styles.tolist(), strict=True))
    named = [(prompt.style, style) for prompt, _, style in answers if prompt.style >= 0]
    counted = {
        "top 1": tell(sum(is_right(prompt, best[0], concepts) for prompt, best, _ in answers), len(answers)),
        "top 5": tell(sum(any(is_right(p, each, concepts) for each in best) for p, best, _ in answers), len(answers)),
        "none": tell(sum(best[0] == NONE for _, best, _ in answers), len(answers)),
    }
    if named:
        counted["style"] = tell(sum(asked == seen for asked, seen in named), len(named))
    return counted


def measure(
    model: Model, numbers: Sequence[int], count: int, rows: Sequence[str], judge_file: Path, steps: int
) -> dict[str, Any]:
    """For each row its shares; `seconds a picture` over all of them, in batches, text encoder and VAE included."""
    from .drawing import draw

    judge, concepts = load_judge(judge_file), load_concepts()
    figures: dict[str, Any] = {"steps": steps}
    seconds = 0.0
    for place, row in enumerate(rows):
        prompts = write_prompts(row, concepts, numbers, count)
        began = time.perf_counter()
        pictures = draw(
            model, [p.text for p in prompts], [SEED * 1000 + place * 10_000 + i for i in range(count)], steps
        )
        seconds += time.perf_counter() - began
        figures[row] = count_right(prompts, classify(judge, pictures), concepts)
        print(row, json.dumps(figures[row]), flush=True)
    return {**figures, "seconds a picture": round(seconds / (count * len(rows)), 3), "threads": torch.get_num_threads()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--concepts", type=Path, help="a JSON list of labels; all by default")
    parser.add_argument("--count", type=int, default=200, help="pictures for each row")
    parser.add_argument("--rows", nargs="*", choices=ROWS, default=ROWS)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--judge", type=Path, default=FILE)
    parser.add_argument("--out", type=Path, help="a JSON file for the figures")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    prepare_host()
    torch.set_num_threads(options.threads)
    from .drawing import load_model
    from .training.data import read_list

    numbers = read_list(options.concepts) or list(range(len(load_concepts())))
    model = load_model(options.checkpoint)
    figures = measure(model, numbers, options.count, options.rows, options.judge, options.steps)
    print(figures["seconds a picture"], "seconds a picture", flush=True)
    if options.out:
        options.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
