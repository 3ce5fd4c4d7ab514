"""`python run.py demo --shapes`: erase a concept from the small model in a real ComfyUI, and show what is left of it.

    python -m demo.show URL FOLDER [--per-prompt 2] [--seed 1] [--shape circle] [--anchor square] [--epochs 3]

Writes `before-and-after.png`, `table.md` and `results.json` into FOLDER and prints the table.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from harness.client import Client

from .experiment import Cell, Experiment
from .judge import load_judge
from .plan import Plan

COLUMNS_SHOWN = 8  # colours


def main() -> None:
    given = parse_arguments()
    plan = Plan(given.shape, given.anchor, given.epochs, given.iteration)
    with Client(given.url) as client:
        experiment = Experiment(client, load_judge(), plan, given.per_prompt, given.seed)
        stages = run_stages(experiment)
        attacks = run_attacks(experiment)
    given.folder.mkdir(parents=True, exist_ok=True)
    table = write_table(stages, attacks, plan)
    (given.folder / "table.md").write_text(table, encoding="utf-8")
    (given.folder / "results.json").write_text(json.dumps(count(stages | attacks), indent=2), encoding="utf-8")
    draw_sheet(stages, attacks, plan, given.folder / "before-and-after.png", given.per_prompt)
    print(f"\n{table}\nOpen {given.folder / 'before-and-after.png'}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run.py demo", description="Erase a shape from the demo model; show the rest."
    )
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--per-prompt", type=int, default=2, help="pictures of each prompt (default: 2)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shape", default=Plan.shape, help=f"the shape to forget (default: {Plan.shape})")
    parser.add_argument("--anchor", default=Plan.anchor, help=f"what to draw instead (default: {Plan.anchor})")
    parser.add_argument(
        "--epochs", type=int, default=Plan.epochs, help=f"after the first edit (default: {Plan.epochs})"
    )
    parser.add_argument("--iteration", default=Plan.iteration, choices=("paper", "cumulative"))
    return parser.parse_args()


def run_stages(experiment: Experiment) -> dict[str, dict[str, Cell]]:
    """Every question to the original model, after the first edit and after each epoch."""
    stages: dict[str, dict[str, Cell]] = {}
    for epochs in (None, *range(experiment.plan.epochs + 1)):
        start = time.perf_counter()
        stages[name_stage(epochs)] = experiment.ask(epochs)
        print(f"{name_stage(epochs)}: sampled and judged in {time.perf_counter() - start:.0f} s", flush=True)
    return stages


def run_attacks(experiment: Experiment) -> dict[str, dict[str, Cell]]:
    """What derived embeddings bring back: derived from one model, sampled with another."""
    last = experiment.plan.epochs
    attacks: dict[str, dict[str, Cell]] = {}
    for derived_from, sampled_with in ((0, None), (0, 0), (0, last), (last, last)):
        name = f"derived after {name_stage(derived_from)}, sampled {name_sampled(sampled_with)}"
        start = time.perf_counter()
        attacks[name] = {f"{experiment.plan.shape} by name": experiment.attack(derived_from, sampled_with)}
        print(f"{name}: sampled and judged in {time.perf_counter() - start:.0f} s", flush=True)
    return attacks


def name_stage(epochs: int | None) -> str:
    """The model's name in tables: original, first edit, epoch 1 …"""
    if epochs is None:
        return "original"
    return f"epoch {epochs}" if epochs else "first edit"


def name_sampled(epochs: int | None) -> str:
    """As `name_stage`, in a sentence."""
    return "with the original" if epochs is None else f"after {name_stage(epochs)}"


def count(results: dict[str, dict[str, Cell]]) -> dict[str, dict[str, dict[str, int]]]:
    """Hits and n of every cell, for JSON."""
    return {
        stage: {heading: {"hits": cell.hits, "n": cell.count} for heading, cell in cells.items()}
        for stage, cells in results.items()
    }


def write_table(stages: dict[str, dict[str, Cell]], attacks: dict[str, dict[str, Cell]], plan: Plan) -> str:
    """Both results as Markdown tables: the share of pictures that the judge says yes to, with n."""
    headings = list(plan.prompts())
    lines = [f"| model | {' | '.join(headings)} |", "|---" * (len(headings) + 1) + "|"]
    lines += [
        f"| {stage} | {' | '.join(show_share(cells[each]) for each in headings)} |" for stage, cells in stages.items()
    ]
    lines += ["", f"| embedding | {plan.shape} drawn |", "|---|---|"]
    lines += [f"| {name} | {show_share(cell)} |" for name, cells in attacks.items() for cell in cells.values()]
    return "\n".join(lines) + "\n"


def show_share(cell: Cell) -> str:
    """`97 % (n 32)`."""
    return f"{cell.hits / cell.count:.0%} (n {cell.count})"


def draw_sheet(
    stages: dict[str, dict[str, Cell]], attacks: dict[str, dict[str, Cell]], plan: Plan, path: Path, per_prompt: int
) -> None:
    """One row a model or attack, one column a prompt, the same seeds all over."""
    target, *_, kept = plan.prompts()
    rows = [(stage, cells[heading]) for heading in (target, kept) for stage, cells in stages.items()]
    rows += [(name.replace(", ", "\n"), cell) for name, cells in attacks.items() for cell in cells.values()]
    splits = (len(stages), 2 * len(stages))
    figure, axes = plt.subplots(len(rows), 1, figsize=(COLUMNS_SHOWN * 0.95 + 2.4, len(rows) * 1.0 + 0.6))
    for index, (axis, (name, cell)) in enumerate(zip(axes, rows, strict=True)):
        axis.imshow(np.concatenate(cell.pictures[: COLUMNS_SHOWN * per_prompt : per_prompt], 1))
        axis.set_xticks([])
        axis.set_yticks([])
        axis.set_ylabel(f"{name}\n{cell.hits}/{cell.count}", rotation=0, ha="right", va="center", fontsize=8)
        if index in (0, *splits):
            section = {0: f'"a … {plan.shape}"', splits[0]: "shapes to keep", splits[1]: "derived embeddings"}[index]
            axis.set_title(section, loc="left", fontsize=10, fontweight="bold")
    figure.tight_layout(h_pad=0.2)
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main()
