"""One timed run of one procedure on one case; made to be called in a process of its own, which keeps its weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from rece_core.algebra.operator import Operator
from rece_core.erasing.erase import EncodedConcepts, iterate_erasure
from rece_core.models.weights import Weight, accumulate_gram

from .cases import CASES, SETTINGS, Case, make_literal_task, make_texts, make_weights
from .literal import erase, sum_outer_by_product, sum_outer_by_token
from .meter import CPU, Meter, Run

PROCEDURES = {
    "literal": "literal, per layer, float32",
    "literal products": "literal with matrix products, float32",
    "engine": "engine, d × d in float64",
}
OnStage = Callable[[str], None]
LAYER_STAGES = ("edits", "sums")  # stages of the literal procedure whose time grows with the number of layers


def run_once(name: str, procedure: str, device: torch.device = CPU) -> Run:
    """Erase once from fresh weights of case `name` on `device`; a time on a sample of its layers is scaled up."""
    _run(CASES["warm-up"], procedure, device)  # code and thread pools are loaded once, not part of any run
    case = CASES[name]
    if procedure == "engine":
        return _run(case, procedure, device)
    run = _run(case.sample(case.literal_share), procedure, device)
    whole = float(1 / case.literal_share)
    stages = {stage: seconds * (whole if stage in LAYER_STAGES else 1) for stage, seconds in run.stages.items()}
    return Run(stages, run.peak)


def measure_deviation(name: str, procedure: str, dtype: torch.dtype) -> float:
    """‖W' − W'_ref‖ / ‖W'_ref‖ over all weights of `procedure` in `dtype`, W'_ref being the engine's in float64."""
    case = CASES[name]
    results, references = make_weights(case, dtype), make_weights(case, torch.float64)
    _erase(results, case, procedure)
    _erase(references, case, "engine")
    apart = whole = 0.0
    for result, reference in zip(results, references, strict=True):
        apart += float((result.matrix.double() - reference.matrix).square().sum())
        whole += float(reference.matrix.square().sum())
    return (apart / whole) ** 0.5


def _run(case: Case, procedure: str, device: torch.device) -> Run:
    weights = [replace(each, matrix=each.matrix.to(device)) for each in make_weights(case)]
    meter = Meter(device)
    _erase(weights, case, procedure, meter)
    return meter.finish()


def _erase(weights: list[Weight], case: Case, procedure: str, on_stage: OnStage = lambda stage: None) -> None:
    """Replace each of `weights` by its edited counterpart, by the procedure of that name."""
    texts = make_texts(case.width)
    if procedure == "engine":
        with torch.no_grad():
            _erase_by_engine(weights, texts, on_stage)
        return
    matrices: list[Tensor] = [weight.matrix for weight in weights]
    sum_outer = sum_outer_by_token if procedure == "literal" else sum_outer_by_product
    erase(matrices, make_literal_task(texts, matrices[0]), sum_outer, on_stage)


def _erase_by_engine(weights: list[Weight], texts: EncodedConcepts, on_stage: OnStage) -> None:
    gram = accumulate_gram(weights)
    on_stage("Gram")
    *_, last = iterate_erasure(gram, texts, SETTINGS)
    operator: Operator = last.operator
    on_stage("algebra")
    for index, weight in enumerate(weights):
        weights[index] = Weight(weight.name, weight.role, operator.apply_to_weight(weight.matrix))
    on_stage("applying")
