"""A host under load: many prompts, valid and not, and cancels at random moments.

    python -m torture.load FOLDER --prompts 1000 --cancels 200

starts a ComfyUI with the pack, and writes `load.json` into the folder, also where Ctrl-C ends it early. The control is
a node that keeps some memory, a file and a thread each time that it runs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from harness.client import Client, Interrupted, NodeFailed, PromptRejected
from harness.environment import ROOT, locate_host
from harness.graph import Graph
from harness.server import PACK_NAME, Server
from tests.host.graphs import ModelGraph, read_hashes

from .load_figures import WARM, Figures, find_growth, measure_slope, read_figures
from .load_graphs import KINDS, LONG, WRONG, LoadGraph
from .rows import Row, write_row

log = logging.getLogger(__name__)
PACKS = {PACK_NAME: ROOT, "rece_probes": ROOT / "tests" / "host" / "probe_pack"}
LONGEST = 4.0  # seconds until a cancel, at most
LEAK = 1_000_000  # bytes that the control keeps each time


@dataclass
class Found:
    """What a campaign saw."""

    prompts: int = 0
    cancels: int = 0
    waits: list[float] = field(default_factory=list)  # seconds from each cancel until nothing ran
    figures: list[Figures] = field(default_factory=list)  # after each prompt
    failures: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)


def run_load(server: Server, client: Client, prompts: int, cancels: int, seed: int) -> Found:
    """Queue `prompts` prompts, `cancels` of which are long ones that are cancelled; Ctrl-C ends it early."""
    random, found = Random(seed), Found()
    cancelled = set(random.sample(range(prompts), cancels))
    plain = ModelGraph()
    hashed = plain.hash()
    before = read_hashes(client.run(plain), hashed)
    assert server.process is not None
    with contextlib.suppress(KeyboardInterrupt):
        _queue_all(server.process.pid, client, random, prompts, cancelled, found)
    _let_end(client)
    again = ModelGraph()
    hashed = again.hash(run=-1)
    with _note_failure(found, "afterwards"):
        result = client.run(again)
        assert again.loader.id in result.cached(), "the model is no longer the object that was loaded first"
        assert read_hashes(result, hashed) == before, "the model's weights are others than before"
        assert client.queue_state() == ([], []), "the queue is not empty"
    return found


def _queue_all(pid: int, client: Client, random: Random, prompts: int, cancelled: set[int], found: Found) -> None:
    for number in range(prompts):
        kinds = LONG if number in cancelled else KINDS
        (kind,) = random.choices(list(kinds), list(kinds.values()))
        graph = LoadGraph(kind, random, number + 1)
        found.kinds[kind] += 1
        with _note_failure(found, f"prompt {number}, {kind}"):
            if number in cancelled:
                _cancel(client, graph, random.uniform(0, LONGEST), found)
            else:
                _run(client, graph, kind)
        found.prompts += 1
        _forget(client)
        found.figures.append(read_figures(pid))
        if number % 25 == 24:
            log.info("%d prompts, %d cancels: %s", found.prompts, found.cancels, found.figures[-1])


def run_leak(server: Server, client: Client, prompts: int) -> list[Figures]:
    """The figures of a node that leaks."""
    assert server.process is not None
    figures = []
    for number in range(prompts):
        graph = Graph()
        graph.add("ProbeLeak", bytes=LEAK, run=number)
        client.run(graph)
        _forget(client)
        figures.append(read_figures(server.process.pid))
    return figures


def _run(client: Client, graph: LoadGraph, kind: str) -> None:
    try:
        client.run(graph)
    except (NodeFailed, PromptRejected):
        if kind not in WRONG:
            raise
    else:
        assert kind not in WRONG, "it ought to fail"


def _cancel(client: Client, graph: LoadGraph, after: float, found: Found) -> None:
    """Queue, wait, cancel, and wait until nothing runs: that is what somebody at the page waits for."""
    prompt_id = client.queue(graph)
    time.sleep(after)
    found.cancels += 1
    start = time.perf_counter()
    client.cancel_pending(prompt_id)
    client.interrupt(prompt_id)
    _let_end(client)
    found.waits.append(time.perf_counter() - start)


def _let_end(client: Client) -> None:
    """Cancel whatever runs until nothing does: a cancel that comes between two nodes is lost in the host."""
    while client.queue_state() != ([], []):
        for prompt_id in client.queue_state()[0]:
            client.interrupt(prompt_id)
        time.sleep(0.01)


def _forget(client: Client) -> None:
    """Have the host forget its history, which is its own and grows with each prompt."""
    client.clear_history()


@contextlib.contextmanager
def _note_failure(found: Found, what: str) -> Iterator[None]:
    try:
        yield
    except (AssertionError, NodeFailed, PromptRejected, Interrupted, TimeoutError) as error:
        found.failures.append(f"{what}: {error}")
        log.info("%s", found.failures[-1])


def describe(found: Found, leaked: list[Figures]) -> tuple[Row, dict[str, Any]]:
    """The row of the table, and all numbers behind it."""
    settled = found.figures[WARM:]
    slope = measure_slope([each.memory for each in settled])
    failures = [*found.failures, *find_growth(settled)]
    caught = find_growth(leaked)
    numbers: Mapping[str, Any] = {
        "prompts": found.prompts,
        "cancels": found.cancels,
        "kinds": dict(found.kinds),
        "MB a prompt, and its interval": slope,
        "first and last": [asdict(settled[0]), asdict(settled[-1])],
        "seconds from cancel to idle: median, worst": [statistics.median(found.waits), max(found.waits)],
        "failures": failures,
        "MB after each prompt": [round(each.memory, 1) for each in found.figures],
        "control": caught,
    }
    first, last = settled[0], settled[-1]
    remarks = (
        f"{found.cancels} cancels, idle after {statistics.median(found.waits):.2f} s in the median, at worst "
        f"{max(found.waits):.2f} s; memory {slope[0]:+.4f} MB a prompt ({slope[1]:+.4f} to {slope[2]:+.4f}); "
        f"file handles {first.handles} and {last.handles}, threads {first.threads} and {last.threads}"
    )
    control = f"a node that leaks: {'; '.join(caught) or 'not caught'}"
    return Row("load", found.prompts, len(failures), control, remarks), dict(numbers)


def main() -> int:
    """Run the campaign and write what it found; 1 where anything failed or the control was not caught."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--prompts", type=int, default=1000)
    parser.add_argument("--cancels", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    with contextlib.ExitStack() as running:
        base = running.enter_context(tempfile.TemporaryDirectory())
        server = running.enter_context(Server(locate_host(), Path(base), packs=PACKS))
        client = running.enter_context(Client(server.url))
        found = run_load(server, client, given.prompts, given.cancels, given.seed)
        leaked = run_leak(server, client, min(200, given.prompts))
    row, numbers = describe(found, leaked)
    write_row(given.folder, row)
    (given.folder / "load_numbers.json").write_text(json.dumps(numbers, indent=1) + "\n", "utf-8")
    return 1 if row.failed or not numbers["control"] else 0


if __name__ == "__main__":
    sys.exit(main())
