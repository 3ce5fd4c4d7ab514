"""A campaign: many inputs tried by a few processes, each of which may die; what was done is kept."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .inputs import Input

ROOT = Path(__file__).parents[1]
CHUNK = 200  # inputs of one job
PATIENCE = 3600  # seconds for a job: what waits for something that never comes uses no seconds of the processor
DIED: dict[int, str] = {
    signal.SIGPROF: "hangs: over the limit of seconds",
    signal.SIGKILL: "killed by the system, as for memory",
}


class Worker:
    """A process of `worker`, started again when it has died."""

    def __init__(self, kinds: str, log: Path | None = None) -> None:
        self._log = log or Path(os.devnull)
        self._command = [sys.executable, "-m", "torture.worker", kinds]
        self._process: subprocess.Popen[str] | None = None

    def run(self, job: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """What happens in a job: ('failure', …) for each, at the end ('done', …). A death is a failure, and goes on."""
        first, stop = job["first"], job["first"] + job["count"]
        while first < stop:
            index = None
            for word, told in self._ask({**job, "first": first, "count": stop - first}):
                if word == ">":
                    index = told
                elif word == "!":
                    yield "failure", told
                elif word == "=":
                    yield "done", told
                    return
                else:
                    yield (
                        "failure",
                        {"index": first if index is None else index, "kind": told, "message": "", "size": 0},
                    )
                    first = stop if index is None else index + 1
        yield "done", {"seconds": 0.0, "memory": 0}

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _ask(self, job: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        if self._process is None:
            quiet = {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1", "HF_HUB_OFFLINE": "1"}
            with open(self._log, "a") as log:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    cwd=ROOT,
                    env={**os.environ, **quiet},
                )
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        watch = threading.Timer(PATIENCE, process.kill)
        watch.start()
        try:
            for line in process.stdout:
                yield line[0], json.loads(line[2:])
                if line[0] == "=":
                    return
        finally:
            watch.cancel()
        self._process = None
        ended = -process.wait()
        yield "x", DIED.get(ended, f"died by signal {ended}" if ended > 0 else f"ended with {-ended}")

    def try_input(self, kind: str, given: Input) -> str | None:
        """The kind of failure of one input; None for none."""
        told = {"content": b64encode(given.content).decode(), "size": given.size}
        for word, found in self.run({"kind": kind, "first": 0, "count": 1, "seed": 0, "input": told}):
            if word == "failure":
                return str(found["kind"])
        return None


def run_campaign(
    kinds: str, counts: dict[str, int], seed: int, kept: Path, processes: int, on_done: Any = lambda job: None
) -> list[dict[str, Any]]:
    """Try the first `counts` inputs of each kind of the module `kinds`: what came of each job, also of those in `kept`.

    Jobs are appended to the file `kept` as they end; those that are there are not done again.
    """
    done = [json.loads(line) for line in kept.read_text("utf-8").splitlines()] if kept.exists() else []
    known = {(job["kind"], job["first"], job["count"]) for job in done}
    jobs = [job for job in _list_jobs(counts, seed) if (job["kind"], job["first"], job["count"]) not in known]
    wanted = {(job["kind"], job["first"], job["count"]) for job in _list_jobs(counts, seed)}
    done = [job for job in done if (job["kind"], job["first"], job["count"]) in wanted]
    waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    lock = threading.Lock()
    errors: list[BaseException] = []

    def work() -> None:
        worker = Worker(kinds, kept.with_suffix(".log"))
        try:
            while not errors:
                job = waiting.get_nowait()
                ended = {**job, "failures": []}
                for word, told in worker.run(job):
                    if word == "failure":
                        ended["failures"].append(told)
                    else:
                        ended |= told
                with lock, open(kept, "a", encoding="utf-8") as file:
                    file.write(json.dumps(ended) + "\n")
                    done.append(ended)
                    on_done(ended)
        except queue.Empty:
            pass
        except BaseException as error:
            errors.append(error)
        finally:
            worker.close()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(processes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return done


def _list_jobs(counts: dict[str, int], seed: int) -> Iterable[dict[str, Any]]:
    """Kinds in turn, so that a run that is stopped early has tried all of them."""
    jobs = [
        (first, {"kind": kind, "first": first, "count": min(CHUNK, count - first), "seed": seed})
        for kind, count in counts.items()
        for first in range(0, count, CHUNK)
    ]
    return [job for _, job in sorted(jobs, key=lambda each: each[0])]
