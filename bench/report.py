"""The measurements as text: a Markdown table a case, and what the numbers stand for."""

from __future__ import annotations

from typing import Any

from .cases import CASES, SETTINGS
from .families import format_families
from .measure import PROCEDURES
from .meter import format_seconds


def format_report(report: dict[str, Any]) -> str:
    """`report` as `__main__` collects it, as Markdown."""
    machine = report["machine"]
    parts = [
        f"One edit and {SETTINGS.epochs} epochs, one concept of 77 tokens, random weights in float32, "
        f"{machine['device']}, torch {machine['torch']}; medians of {report['runs']} runs, "
        "memory is the peak above the loaded weights."
    ]
    parts += [_format_case(name, results) for name, results in report["cases"].items()]
    if "deviations" in report:
        parts.append(_format_deviations(report["deviations"]))
    if "families" in report:
        parts.append(format_families(report["families"]))
    return "\n\n".join(parts)


def _format_case(name: str, results: dict[str, Any]) -> str:
    case = CASES[name]
    engine = results["engine"]["seconds"]
    lines = [
        f"**{case.title}** ({2 * len(case.blocks)} projections, d = {case.width})",
        "",
        "| procedure | seconds | engine is faster by | stages (s) | memory (MB) |",
        "|---|---:|---:|---|---:|",
    ]
    for procedure, result in results.items():
        label = PROCEDURES[procedure]
        if procedure != "engine" and case.literal_share != 1:
            label += f" (timed once, on {case.literal_share} of the layers, scaled up)"
        stages = ", ".join(f"{stage} {format_seconds(each)}" for stage, each in result["stages"].items())
        ratio = f"{result['seconds'] / engine:.1f} ×"
        seconds, memory = format_seconds(result["seconds"]), _megabytes(result["peak_bytes"])
        lines.append(f"| {label} | {seconds} | {ratio} | {stages} | {memory} |")
    return "\n".join(lines)


def _format_deviations(deviations: dict[str, float]) -> str:
    lines = [
        "**Accuracy** (Stable Diffusion 1.4: edited weights, relative to the engine's on float64 weights)",
        "",
        "| | deviation |",
        "|---|---:|",
    ]
    return "\n".join(lines + [f"| {label} | {value:.1e} |" for label, value in deviations.items()])


def _megabytes(size: int | None) -> str:
    return "n/a" if size is None else f"{size / 1e6:.0f}"
