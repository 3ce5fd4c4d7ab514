"""One timed run of one procedure on one case; made to be called in a process of its own, which keeps its weights."""

from __future__ import annotations

import gc
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from rece_core.algebra.gram import Weight, accumulate_gram
from rece_core.algebra.operator import Operator
from rece_core.erasing.erase import EncodedConcepts, iterate_erasure

from .cases import CASES, SETTINGS, Case, make_literal_task, make_texts, make_weights
from .literal import erase, sum_outer_by_product, sum_outer_by_token

PROCEDURES = {
    "literal": "literal, per layer, float32",
    "literal products": "literal with matrix products, float32",
    "engine": "engine, d × d in float64",
}
LAYER_STAGES = ("edits", "sums")  # stages of the literal procedure whose time grows with the number of layers


@dataclass(frozen=True)
class Run:
    """Seconds of each stage, and the peak of memory in bytes above the loaded weights (None where not measurable)."""

    stages: dict[str, float]
    peak: int | None

    @property
    def seconds(self) -> float:
        return sum(self.stages.values())


class Stopwatch:
    """Adds the time since the last call to the stage it is called with."""

    def __init__(self) -> None:
        self.stages: dict[str, float] = defaultdict(float)
        self._last = time.perf_counter()

    def __call__(self, stage: str) -> None:
        now = time.perf_counter()
        self.stages[stage] += now - self._last
        self._last = now


def run_once(name: str, procedure: str) -> Run:
    """Erase once from fresh weights of case `name`; a time on a sample of the layers is scaled up to all of them."""
    _run(CASES["warm-up"], procedure)  # code and thread pools are loaded once, not part of any run
    case = CASES[name]
    if procedure == "engine":
        return _run(case, procedure)
    run = _run(case.sample(case.literal_share), procedure)
    whole = float(1 / case.literal_share)
    stages = {stage: seconds * (whole if stage in LAYER_STAGES else 1) for stage, seconds in run.stages.items()}
    return Run(stages, run.peak)


def measure_deviation(name: str, procedure: str, dtype: torch.dtype) -> float:
    """‖W' − W'_ref‖ / ‖W'_ref‖ over all weights of `procedure` in `dtype`, W'_ref being the engine's in float64."""
    case = CASES[name]
    results, references = make_weights(case, dtype), make_weights(case, torch.float64)
    _erase(results, case, procedure, Stopwatch())
    _erase(references, case, "engine", Stopwatch())
    apart = whole = 0.0
    for result, reference in zip(results, references, strict=True):
        apart += float((result.matrix.double() - reference.matrix).square().sum())
        whole += float(reference.matrix.square().sum())
    return (apart / whole) ** 0.5


def _run(case: Case, procedure: str) -> Run:
    weights = make_weights(case)
    gc.collect()
    loaded = reset_peak()
    watch = Stopwatch()
    _erase(weights, case, procedure, watch)
    peak = read_status("VmHWM")
    return Run(dict(watch.stages), None if peak is None or loaded is None else peak - loaded)


def _erase(weights: list[Weight], case: Case, procedure: str, watch: Stopwatch) -> None:
    """Replace each of `weights` by its edited counterpart, by the procedure of that name."""
    texts = make_texts(case.width)
    if procedure == "engine":
        with torch.inference_mode():
            _erase_by_engine(weights, texts, watch)
        return
    matrices: list[Tensor] = [weight.matrix for weight in weights]
    sum_outer = sum_outer_by_token if procedure == "literal" else sum_outer_by_product
    erase(matrices, make_literal_task(texts, matrices[0].dtype), sum_outer, watch)


def _erase_by_engine(weights: list[Weight], texts: EncodedConcepts, watch: Stopwatch) -> None:
    gram = accumulate_gram(weights)
    watch("Gram")
    *_, last = iterate_erasure(gram, texts, SETTINGS)
    operator: Operator = last.operator
    watch("algebra")
    for index, weight in enumerate(weights):
        weights[index] = Weight(weight.name, weight.role, operator.apply_to_weight(weight.matrix))
    watch("applying")


def reset_peak() -> int | None:
    """Forget the peak of this process's memory so far and return its memory now, in bytes; Linux only."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    return read_status("VmRSS")


def read_status(field: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), None)
