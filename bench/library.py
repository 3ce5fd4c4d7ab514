"""A library on Ray beside `erase` one by one: `python -m bench.library FOLDER [--each 15] [--workers 1 2 4]`.

Small checkpoints of four families (SD 1.x, SD 2.x, SDXL and its refiner) with random weights are made in FOLDER. Each
is erased by `erase`, by itself; then by `library` here, on Ray with so many workers, and again with a worker killed in
the middle. Results must be equal to the bit. A thread for each task, so that cores are compared alike.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter

import psutil
import torch

from rece_core.command_line.main import run
from rece_core.library.on_ray import LOCAL, OnRay
from rece_core.library.workers import Call, Here, Workers
from tests.core.library.libraries import RULE, assert_same_erasure, make_library, read_results, write_plan

KINDS = ("sd1", "sd2", "sdxl", "refiner")
OPTIONS = ("--target", RULE["target"], "--as-typed", "--schedule", "manual", "--epochs", "1")
TASKS = 300
WORKER = "ray::carry_out"  # what Ray calls a process that erases


def main() -> None:
    options = _parse()
    torch.set_num_threads(1)
    folder = make_library(options.folder, KINDS, options.each)
    names = sorted(path.name for path in (folder / "models").iterdir())
    print(f"{len(names)} files of {len(KINDS)} families, {psutil.cpu_count()} cores, a thread a task\n")
    print("| how | seconds | seconds a file |\n|---|---:|---:|")
    alone = _time("`erase`, one by one", len(names), lambda: _erase_each(folder, names))
    _time("`library`, here", len(names), lambda: _run(folder, "here"))
    for workers in options.workers:
        name = f"by-{workers}"
        _time(f"`library`, Ray, {workers} workers", len(names), partial(_run, folder, name, workers))
    killed: list[int] = []
    _time("the same, a worker killed", len(names), lambda: _run_and_kill(folder, options.workers[-1], killed))
    for each in ("here", *(f"by-{workers}" for workers in options.workers), "killed"):
        for name in names:
            assert_same_erasure(folder / each / name, folder / "alone" / name)
        assert read_results(folder / each) == read_results(folder / "here")
    print(f"\nAll results are equal to the bit; {len(killed)} worker killed. One by one: {alone:.1f} s.")
    cluster = OnRay(LOCAL, options.workers[-1])
    _measure_overhead("here", Here())
    _measure_overhead(f"on Ray with {options.workers[-1]} workers", cluster)
    cluster.close()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.library")
    parser.add_argument("folder", type=Path, help="a folder to make, for some GB")
    parser.add_argument("--each", type=int, default=15, help="files of each family (default 15)")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    return parser.parse_args()


def _time(what: str, files: int, work: Callable[[], None]) -> float:
    start = perf_counter()
    work()
    seconds = perf_counter() - start
    print(f"| {what} | {seconds:.1f} | {seconds / files:.2f} |", flush=True)
    return seconds


def _call(*arguments: object) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        code = run([str(each) for each in arguments])
    if code:
        sys.exit("the command failed, see above")


def _erase_each(folder: Path, names: list[str]) -> None:
    (folder / "alone").mkdir()
    words = ("--tokenizer", folder / "words", "--captions", folder / "captions.txt")
    for name in names:
        _call("erase", folder / "models" / name, folder / "alone" / name, *OPTIONS, *words)


def _run(folder: Path, output: str, workers: int = 0) -> None:
    plan = write_plan(folder, output=output)
    _call("library", plan, *(("--ray", "local", "--workers", workers) if workers else ()))


def _do_nothing(number: int) -> int:
    return number


def _measure_overhead(what: str, workers: Workers) -> None:
    """Tasks that do nothing, once the processes are there."""
    for count in (TASKS, TASKS):
        start = perf_counter()
        done = sum(1 for _ in workers.run(Call(n, _do_nothing, (n,), 1, 1) for n in range(count)))
        seconds = perf_counter() - start
    print(f"Overhead {what}: {1000 * seconds / done:.3f} ms a task, of {done} that do nothing.")


def _run_and_kill(folder: Path, workers: int, killed: list[int]) -> None:
    stop = threading.Event()
    watcher = threading.Thread(target=_kill_one, args=(stop, killed))
    watcher.start()
    _run(folder, "killed", workers)
    stop.set()
    watcher.join()
    if not killed:
        sys.exit("no worker was killed: the files were done before one was seen; make more of them")


def _kill_one(stop: threading.Event, killed: list[int]) -> None:
    """Kill the first process below this one that erases."""
    while not killed and not stop.wait(0.02):
        for each in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if (each.cmdline() or [""])[0].startswith(WORKER):
                    os.kill(each.pid, signal.SIGKILL)
                    killed.append(each.pid)
                    return


if __name__ == "__main__":
    main()
