"""Damaged files and strange texts for every parser of the pack: `python -m torture FOLDER [--long] …`."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from .campaign import ROOT, Worker, run_campaign
from .kinds import KINDS
from .reduce import reduce_input
from .report import describe, sum_jobs
from .worker import make_input

LONG = 20  # times as many inputs


def main() -> int:
    """Run a campaign and print what it found; 1 where anything failed."""
    options = _parse()
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
    parser = argparse.ArgumentParser(prog="run.py torture", description="Damaged files and texts for every parser.")
    parser.add_argument("folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=1, help="of all random numbers (default: 1)")
    parser.add_argument("--long", action="store_true", help=f"{LONG} times as many inputs, in hours")
    parser.add_argument("--share", type=float, default=1.0, help="of the inputs, 1 for all (default: 1)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only kinds of inputs with TEXT in their names")
    parser.add_argument("--processes", type=int, default=2, help="at a time (default: 2)")
    parser.add_argument("--no-reduce", action="store_true", help="don't look for the smallest inputs that fail")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
