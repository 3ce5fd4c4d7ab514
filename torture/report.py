"""What a campaign found, as a table, and kept as rows for docs/reliability.md.

Any campaign adds to that page: `keep_rows(FOLDER, [{"name": "prompts queued", "tried": 1000, "failed": 0,
"control": "no cancel: caught"}])`, FOLDER being out/torture, then `python -m torture.publish`. A row of a name that is
there already takes its place. `tried` counts what was done, `failed` what was lost, `control` says which weakened copy
of the code the same attack was tried on, and whether it was caught.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROWS = "rows.jsonl"
Row = Mapping[str, Any]

HEADER = ("input", "tried", "failed", "slowest", "most memory")


def sum_jobs(done: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """By kind of input: how many were tried and failed, what the costliest took, and failures by their kind."""
    sums: dict[str, dict[str, Any]] = {}
    for job in done:
        each = sums.setdefault(
            job["kind"], {"tried": 0, "seconds": 0.0, "memory": 0, "failures": {}, "counts": Counter()}
        )
        each["tried"] += job["count"]
        each["seconds"], each["memory"] = max(each["seconds"], job["seconds"]), max(each["memory"], job["memory"])
        for failure in job["failures"]:
            each["counts"][failure["kind"]] += 1
            known = each["failures"].setdefault(failure["kind"], failure)
            if (failure["size"] or 1e9) < (known["size"] or 1e9):
                each["failures"][failure["kind"]] = failure
    return sums


def describe(sums: dict[str, dict[str, Any]]) -> str:
    """The table, and a line for each kind of failure."""
    rows = [HEADER]
    for name, each in sums.items():
        seconds, memory = f"{each['seconds']:.2f} s", f"{each['memory'] / 1e6:.0f} MB"
        rows.append((name, f"{each['tried']:,}", f"{sum(each['counts'].values()):,}", seconds, memory))
    tried = sum(each["tried"] for each in sums.values())
    failed = sum(sum(each["counts"].values()) for each in sums.values())
    rows.append(("all", f"{tried:,}", f"{failed:,}", "", ""))
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    for name, each in sums.items():
        for kind, count in each["counts"].most_common():
            failure = each["failures"][kind]
            lines.append(f"\n{count} x {name}: {kind}\n    input {failure['index']}: {failure['message'][:160]!r}")
    return "\n".join(line.rstrip() for line in lines)


def keep_rows(folder: Path, rows: Iterable[Row]) -> None:
    """Add rows to those that `folder` has, each in place of one of its name."""
    kept = {row["name"]: row for row in [*read_rows(folder), *rows]}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ROWS).write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in kept.values()), "utf-8")


def read_rows(folder: Path) -> list[Row]:
    """The rows that `folder` has, in the order in which they came."""
    path = folder / ROWS
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def write_rows(rows: Iterable[Row]) -> str:
    """The rows as a table in Markdown."""
    lines = ["| attack | tried | lost | control: the same on a weakened copy |", "|---|---:|---:|---|"]
    for row in rows:
        lines.append(f"| {row['name']} | {row['tried']:,} | {row['failed']:,} | {row.get('control') or '–'} |")
    return "\n".join(lines)
