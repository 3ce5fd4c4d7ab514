"""What a campaign found, as a table."""

from __future__ import annotations

from collections import Counter
from typing import Any

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
