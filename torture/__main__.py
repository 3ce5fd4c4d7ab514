"""Damaged files for every parser, then death at every call of a save: `python -m torture FOLDER [--long] …`."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from .campaign import ROOT, Worker, run_campaign
from .fault import find_compiler
from .host_scenes import is_there
from .kinds import KINDS
from .reduce import reduce_input
from .report import describe, keep_rows, sum_jobs
from .saves import HOST, run_saves
from .scenes import SCENES
from .weak import WEAKNESSES, is_caught, tell_controls
from .worker import make_input

LONG = 20  # times as many inputs


def main() -> int:
    """Run the campaigns that are asked for and print what they found; 1 where anything failed."""
    options = _parse()
    both = options.parsers == options.saves
    failed = _attack_parsers(options) if both or options.parsers else 0
    return max(failed, _attack_saves(options) if both or options.saves else 0)


def _attack_saves(options: argparse.Namespace) -> int:
    print(f"saves: {'by each call' if find_compiler() else 'without a C compiler at random moments'}, then two at once")
    chosen = [part for name in (*SCENES, *([HOST] if is_there() else [])) for part in ("--scene", name)]
    rows = []
    for row in run_saves("deaths", "rivals", "altered", *chosen):
        print(f"{row['name']}: {row['tried']} tried, {row['failed']} lost {row['lost'] or ''}".rstrip(), flush=True)
        rows.append(row)
        keep_rows(options.folder, [row])
    caught = {}
    for name, weakness in ({} if options.no_controls else WEAKNESSES).items():
        caught[name] = is_caught(weakness)
        print(f"control, {name}: {'caught' if caught[name] else 'NOT CAUGHT'}", flush=True)
        keep_rows(options.folder, [{**row, "control": tell_controls(row["name"], caught)} for row in rows])
    return 1 if any(row["failed"] for row in rows) or not all(caught.values()) else 0


def _attack_parsers(options: argparse.Namespace) -> int:
    counts = {name: _count(kind.count, options) for name, kind in KINDS.items() if options.only in name}
    options.folder.mkdir(parents=True, exist_ok=True)
    kept = options.folder / f"seed-{options.seed}-{_fingerprint_code()}.jsonl"
    total, tried = sum(counts.values()), 0

    def on_done(job: dict[str, Any]) -> None:
        nonlocal tried
        tried += job["count"]
        sys.stderr.write(f"\r{tried:,} of {total:,} inputs ({job['kind']})".ljust(79))

    print(
        f"seed {options.seed}, {total:,} inputs; what is done is kept in {kept}, so this can be stopped and run again"
    )
    sums = sum_jobs(run_campaign("torture.kinds", counts, options.seed, kept, options.processes, on_done))
    sys.stderr.write("\n")
    report = describe(sums)
    print(report)
    (options.folder / "report.txt").write_text(f"seed {options.seed}\n{report}\n", "utf-8")
    if not options.only:
        tried, lost = sum(each["tried"] for each in sums.values()), sum(len(each["failures"]) for each in sums.values())
        keep_rows(options.folder, [{"name": "damaged files and strange texts, parsed", "tried": tried, "failed": lost}])
    found = [(name, failure) for name, each in sums.items() for failure in each["failures"].values()]
    if found and not options.no_reduce:
        _keep_smallest(found, options)
    return 1 if found else 0


def _keep_smallest(found: list[tuple[str, dict[str, Any]]], options: argparse.Namespace) -> None:
    """Write the smallest input of each kind of failure into the folder."""
    worker, folder = Worker("torture.kinds"), options.folder / "failures"
    folder.mkdir(exist_ok=True)
    for number, (name, failure) in enumerate(found):
        given = make_input(KINDS[name], options.seed, failure["index"])
        tries = 12 if failure["kind"].startswith(("hangs", "killed")) else 400
        given = reduce_input(given, lambda each: worker.try_input(name, each) == failure["kind"], tries)  # noqa: B023
        told = {"input": name, "seed": options.seed, **failure, **given.to_json()}
        path = folder / f"{number:03}-{Path(name).stem}.json"
        path.write_text(json.dumps(told, indent=1), "utf-8")
        print(f"{path}: {len(given.content)} bytes: {failure['kind']}")
    worker.close()


def _count(count: int, options: argparse.Namespace) -> int:
    return max(1, round(count * options.share * (LONG if options.long else 1)))


def _fingerprint_code() -> str:
    """Of the code that is tried and that tries: what another version found is no answer."""
    content = hashlib.sha256()
    for folder in ("rece_core", "torture"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            content.update(path.read_bytes())
    return content.hexdigest()[:8]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run.py torture", description="Damaged files for every parser, and death at every call of a save."
    )
    parser.add_argument("folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=1, help="of all random numbers (default: 1)")
    parser.add_argument("--long", action="store_true", help=f"{LONG} times as many inputs, in hours")
    parser.add_argument("--share", type=float, default=1.0, help="of the inputs, 1 for all (default: 1)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only kinds of inputs with TEXT in their names")
    parser.add_argument("--processes", type=int, default=2, help="at a time (default: 2)")
    parser.add_argument("--parsers", action="store_true", help="only the parsers")
    parser.add_argument("--saves", action="store_true", help="only death and faults while saving")
    parser.add_argument("--no-controls", action="store_true", help="don't try the attacks on weakened copies first")
    parser.add_argument("--no-reduce", action="store_true", help="don't look for the smallest inputs that fail")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
