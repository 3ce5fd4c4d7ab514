"""What a process holds while prompts run, and whether that grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import psutil

WARM = 50  # prompts after which nothing is loaded for the first time
BLOCK = 25  # prompts that are drawn together, as neighbours are alike
DRAWS = 2000
GROWS = 0.05  # MB a prompt, above which the interval's lower end must not lie: 50 MB in a thousand
MORE = 4  # file handles or threads that may come and go

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Figures:
    """Memory in MB, open file handles and threads."""

    memory: float
    handles: int
    threads: int


def read_figures(pid: int) -> Figures:
    """Of the process now; memory is what it has to itself, where the system tells that."""
    process = psutil.Process(pid)
    handles = process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
    memory = process.memory_full_info()
    return Figures(float(getattr(memory, "uss", memory.rss)) / 1e6, handles, process.num_threads())


def measure_slope(values: Sequence[float], seed: int = 0) -> tuple[float, float, float]:
    """What each prompt adds, by least squares, and its 95 % interval by drawing blocks of residuals again."""
    numbers = np.asarray(values, np.float64)
    places = np.arange(len(numbers), dtype=np.float64)

    def fit(each: Numbers) -> Numbers:
        design = np.stack([places, np.ones_like(places)], 1)
        return np.asarray(np.linalg.lstsq(design, each, rcond=None)[0], np.float64)

    slope, level = fit(numbers)
    residuals = numbers - slope * places - level
    block = min(BLOCK, max(1, len(numbers) // 4))
    rng = np.random.default_rng(seed)
    slopes = []
    for _ in range(DRAWS):
        starts = rng.integers(0, len(numbers) - block + 1, -(-len(numbers) // block))
        drawn = np.concatenate([residuals[start : start + block] for start in starts])[: len(numbers)]
        slopes.append(fit(slope * places + level + drawn)[0])
    low, high = np.quantile(slopes, [0.025, 0.975])
    return float(slope), float(low), float(high)


def find_growth(figures: Sequence[Figures], *, memory: bool = True) -> list[str]:
    """What grows, in words; memory is looked at where there are prompts enough to tell it from chance."""
    found = []
    for name in ("handles", "threads"):
        values = [getattr(each, name) for each in figures]
        part = max(1, len(values) // 5)
        before, after = max(values[:part]), max(values[-part:])
        if after > before + MORE:
            found.append(f"{name} grow from {before} to {after}")
    if memory:
        slope, low, high = measure_slope([each.memory for each in figures])
        if low > GROWS:
            found.append(f"memory grows by {slope:.3f} MB a prompt ({low:.3f} to {high:.3f})")
    return found
