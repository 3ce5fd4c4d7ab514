"""A process that tries inputs under limits, and may die of one: `python -m torture.worker MODULE`.

It reads jobs, a line of JSON each, and writes what happens as lines: `> N` before input N, `! {...}` for a failure,
`= {...}` at the end of a job.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from base64 import b64decode
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

from .inputs import Input
from .kind import Kind
from .limits import Limits
from .verdict import judge


def make_input(kind: Kind, seed: int, index: int) -> Input:
    """Input `index` of a campaign."""
    return kind.make(Random(f"{seed}/{kind.name}/{index}"))


def main() -> None:
    """Work until there are no more jobs."""
    kinds: dict[str, Kind] = import_module(sys.argv[1]).KINDS
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is attacked may print
    warm: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            job = json.loads(line)
            kind = kinds[job["kind"]]
            path = Path(folder) / kind.name
            if job["kind"] not in warm:
                for each in kind.whole():  # whatever is loaded once is loaded before limits hold
                    each.write(path)
                    judge(kind.attack, path)
                warm.add(job["kind"])
            _run(job, kind, path, lines)


def _run(job: dict[str, Any], kind: Kind, path: Path, lines: Any) -> None:
    limits, slowest, largest = Limits(kind.seconds, kind.memory), 0.0, 0
    for index in range(job["first"], job["first"] + job["count"]):
        given = _decode(job["input"]) if "input" in job else make_input(kind, job["seed"], index)
        given.write(path)
        lines.write(f"> {index}\n")
        limits.begin()
        failure = judge(kind.attack, path)
        seconds, memory = limits.end()
        slowest, largest = max(slowest, seconds), max(largest, memory)
        if failure is not None:
            size = len(given.content)
            told = {"index": index, "kind": failure.kind, "message": failure.message, "size": size}
            lines.write(f"! {json.dumps(told)}\n")
    lines.write(f"= {json.dumps({'seconds': slowest, 'memory': largest})}\n")


def _decode(told: dict[str, Any]) -> Input:
    return Input(b64decode(told["content"]), told["size"])


if __name__ == "__main__":
    main()
