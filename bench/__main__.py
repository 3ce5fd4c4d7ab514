"""The engine beside the literal procedure of the papers: `python -m bench [--device cuda] [--quick] …`."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import torch

from .cases import CASES
from .families import FAMILIES, run_family
from .measure import PROCEDURES, measure_deviation, run_once
from .meter import Run
from .report import format_report


def main() -> None:
    options = _parse()
    runs = 1 if options.quick else options.runs
    report: dict[str, Any] = {
        "machine": {"device": _name_device(options.device), "torch": torch.__version__},
        "runs": runs,
        "cases": {},
    }
    for name in ("sd14",) if options.quick else ("sd14", "sdxl"):
        report["cases"][name] = _measure_case(name, runs, options.device)
    if not options.quick:
        if options.device.type == "cpu":  # digits of the formats, which a GPU has too
            report["deviations"] = _measure_deviations()
        report["families"] = _measure_families(options.device, runs if options.device.type == "cuda" else 1)
    print(format_report(report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="The engine beside the literal procedure.")
    parser.add_argument("--runs", type=int, default=3, help="runs of each procedure; medians are printed (default 3)")
    parser.add_argument("--quick", action="store_true", help="Stable Diffusion 1.4 alone, one run, no accuracy")
    parser.add_argument("--json", type=Path, help="also write all measurements to this file")
    parser.add_argument(
        "--device", type=_find_device, default="cpu", help="where to compute, such as cuda (default cpu)"
    )
    return parser.parse_args()


def _find_device(name: str) -> torch.device:
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise argparse.ArgumentTypeError("PyTorch finds no CUDA device here; expected cpu, or a machine with one")
    return device


def _name_device(device: torch.device) -> str:
    """A GPU by its card's name, a CPU by its threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} CPU threads ({platform.machine()})"


def _measure_case(name: str, runs: int, device: torch.device) -> dict[str, Any]:
    """All procedures in turn, run by run, so that what else the machine does falls on all of them alike."""
    collected: dict[str, list[Run]] = {procedure: [] for procedure in PROCEDURES}
    pools = {procedure: _fresh_process() for procedure in PROCEDURES}
    for number in range(runs):
        for procedure, pool in pools.items():
            if number and procedure != "engine" and CASES[name].literal_share != 1:
                continue  # minutes for an extrapolated number: once is enough
            print(f"{CASES[name].title}: {PROCEDURES[procedure]}, run {number + 1} of {runs}", flush=True)
            collected[procedure].append(pool.submit(run_once, name, procedure, device).result())
    for pool in pools.values():
        pool.shutdown()
    return {procedure: _summarise(results) for procedure, results in collected.items()}


def _summarise(runs: list[Run]) -> dict[str, Any]:
    peaks = [run.peak for run in runs if run.peak is not None]
    return {
        "seconds": median(run.seconds for run in runs),
        "all_seconds": [run.seconds for run in runs],  # fewer than asked for where extrapolated
        "stages": {stage: median(run.stages[stage] for run in runs) for stage in runs[0].stages},
        "peak_bytes": max(peaks) if peaks else None,
    }


def _measure_deviations() -> dict[str, float]:
    wanted = {
        "literal, float64": ("literal products", torch.float64),
        "literal, float32": ("literal", torch.float32),
        "engine, float32 weights": ("engine", torch.float32),
    }
    print("accuracy …", flush=True)
    with _fresh_process() as pool:
        return {label: pool.submit(measure_deviation, "sd14", *each).result() for label, each in wanted.items()}


def _measure_families(device: torch.device, runs: int) -> dict[str, dict[str, Any]]:
    results = {}
    # On a CPU a process each, since what one frees stays with its process; a GPU's memory is counted by its own means.
    with _fresh_process(tasks=1 if device.type == "cpu" else None) as pool:
        for name in FAMILIES:
            if name != "warm-up":
                print(f"{name}: every conditioning input …", flush=True)
                results[name] = _summarise([pool.submit(run_family, name, device).result() for _ in range(runs)])
    return results


def _fresh_process(tasks: int | None = None) -> ProcessPoolExecutor:
    """A process that is started anew after so many tasks."""
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=tasks)


if __name__ == "__main__":
    main()
