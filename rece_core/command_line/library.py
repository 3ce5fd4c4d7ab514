"""`library`: erase from all checkpoints that a plan names."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from contextlib import closing
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..checkpoints.recipe import Recipe
from ..library.audit import run_audit
from ..library.manifest import NAME, Manifest
from ..library.on_ray import OnRay
from ..library.plan import LibraryPlan, read_plan
from ..library.report import write_report
from ..library.run import check_outputs, describe_plan, hold_alone, run_plan
from ..library.workers import Here, Outcome, Workers
from ..texts.wording import count
from .erase import read_recipe
from .options import make_recipe_parser
from .progress import count_files


def run(options: Namespace) -> str:
    """The report. Raises ValueError and OSError for what a user can fix, and where a file could not be erased from."""
    plan = read_plan(options.plan, read_rule)
    check_outputs(plan)
    if options.dry_run:
        return describe_plan(plan)
    with hold_alone(plan.output), closing(_find_workers(options)) as workers:
        parts = [*([_erase(plan, workers)] if plan.inputs else []), *([_audit(plan, workers)] if plan.audit else [])]
    told = "\n".join(line for lines, _ in parts for line in lines)
    if any(failed for _, failed in parts):
        raise ValueError(told)
    return told


def read_rule(told: Mapping[str, Any], folder: Path) -> Recipe:
    """What an entry of `erase` in a plan erases; its keys are the options of the command `erase`, without dashes.

    Raises ValueError for a key that is none, with the nearest one, and for a value that will not do.
    """
    parser = make_recipe_parser()
    known = {option.removeprefix("--"): action for action in parser._actions for option in action.option_strings}
    arguments: list[str] = []
    for key, value in told.items():
        name = str(key).replace("_", "-")
        if name not in known:
            near = get_close_matches(name, known, 1)
            fix = f"did you mean '{near[0]}'?" if near else f"expected one of {', '.join(known)}."
            raise ValueError(f"the key {str(key)!r} is unknown; {fix}")
        action = known[name]
        if action.nargs == 0:
            if not isinstance(value, bool):
                raise ValueError(f"{key!r} is {value!r}; expected true or false.")
            arguments += [f"--{name}"] if value else []
            continue
        for each in value if isinstance(value, list) else [value]:
            text = str(folder / str(each)) if action.type is Path else str(each)
            arguments.append(f"--{name}={text}")
    return read_recipe(parser.parse_args(arguments))


def _find_workers(options: Namespace) -> Workers:
    return OnRay(options.ray, options.workers) if options.ray else Here()


def _erase(plan: LibraryPlan, workers: Workers) -> tuple[list[str], int]:
    path = plan.output / NAME
    with (
        closing(Manifest(path)) as manifest,
        count_files(len(plan.inputs), sum(each.size for each in plan.inputs)) as bar,
    ):

        def show(outcome: Outcome, size: int) -> None:
            bar.show(bool(outcome.error), size)

        summary = run_plan(plan, workers, manifest, show)
        written = write_report(manifest.rows(), plan.output, "library", "Library of checkpoints")
    failed = [f"{path.name}: {error}" for path, error in sorted(summary.failed.items())]
    told = f"{count(summary.done, 'file')} done, {summary.before} done before, {len(failed)} failed"
    shared = f"{count(summary.shared, 'text encoder')} asked once for several files"
    return [f"{told}; {shared}.", *failed, f"See {written[0]}."], len(failed)


def _audit(plan: LibraryPlan, workers: Workers) -> tuple[list[str], int]:
    rows: list[dict[str, Any]] = []
    failed: list[str] = []
    for pair, measures, error in run_audit(plan.audit, plan.tokenizer, plan.threads, workers):
        names = {"original": str(pair.original), "erased": str(pair.erased), "target": pair.target}
        rows.append({**names, "state": "failed" if error else "done", "error": error, "measures": measures})
        failed += [f"{pair.erased.name}: {error}"] if error else []
    rows.sort(key=lambda row: (row["erased"], row["target"]))
    written = write_report(rows, plan.output, "audit", "Audit of erased checkpoints")
    summary = f"{count(len(rows) - len(failed), 'pair')} audited, {len(failed)} failed."
    return [summary, *failed, f"See {written[0]}."], len(failed)
