"""Seconds and peaks of memory, on the CPU or on a GPU."""

from __future__ import annotations

import gc
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import torch

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Run:
    """Seconds of each stage, and the peak of memory in bytes above the loaded weights (None where not measurable)."""

    stages: dict[str, float]
    peak: int | None

    @property
    def seconds(self) -> float:
        return sum(self.stages.values())


class Meter:
    """Adds the time since the last call to the stage it is called with; made when the weights are on `device`."""

    def __init__(self, device: torch.device = CPU) -> None:
        self._device = device
        self._stages: dict[str, float] = defaultdict(float)
        gc.collect()
        self._loaded = self._forget_peak()
        self._last = self._now()

    def __call__(self, stage: str) -> None:
        now = self._now()
        self._stages[stage] += now - self._last
        self._last = now

    def finish(self) -> Run:
        """What was measured."""
        peak = torch.cuda.max_memory_allocated(self._device) if self._is_cuda else _read_status("VmHWM")
        return Run(dict(self._stages), None if peak is None or self._loaded is None else peak - self._loaded)

    @property
    def _is_cuda(self) -> bool:
        return self._device.type == "cuda"

    def _now(self) -> float:
        if self._is_cuda:
            torch.cuda.synchronize(self._device)
        return time.perf_counter()

    def _forget_peak(self) -> int | None:
        """Forget the peak so far, and return the memory in use now, in bytes; without a GPU on Linux alone."""
        if self._is_cuda:
            torch.cuda.reset_peak_memory_stats(self._device)
            return torch.cuda.memory_allocated(self._device)
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            return None
        return _read_status("VmRSS")


def format_seconds(seconds: float) -> str:
    """Two decimals; four for what a GPU does in less than a tenth."""
    return f"{seconds:.2f}" if seconds >= 0.1 else f"{seconds:.4f}"


def _read_status(field: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), None)
