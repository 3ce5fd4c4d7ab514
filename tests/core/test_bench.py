"""The benchmark compares like with like, and its report says what it measured."""

from __future__ import annotations

import sys

import pytest
import torch

from bench.__main__ import main
from bench.cases import CASES
from bench.families import FAMILIES, format_families, run_family
from bench.measure import PROCEDURES, measure_deviation, run_once
from bench.report import format_report
from tests.core.pretend_device import pretend_device

TINY = "warm-up"


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_all_procedures_give_the_same_weights(procedure: str) -> None:
    assert measure_deviation(TINY, procedure, torch.float64) < 1e-5  # the last epoch is badly conditioned
    assert measure_deviation(TINY, procedure, torch.float32) > 0, "control: it does compare two results"


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_all_procedures_run_where_they_are_told(procedure: str) -> None:
    with pretend_device() as device:
        run = run_once(TINY, procedure, device)
        assert set(run_family(TINY, device).stages) == {"tokens", "pooled"}
    assert run.seconds > 0


def test_a_graphics_card_that_is_not_there() -> None:
    if not torch.cuda.is_available():
        with pytest.raises(SystemExit), pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["bench", "--device", "cuda"])
            main()


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_a_run_is_split_into_stages(procedure: str) -> None:
    run = run_once(TINY, procedure)
    assert set(run.stages) == (
        {"Gram", "algebra", "applying"} if procedure == "engine" else {"edits", "sums", "inverses"}
    )
    assert run.seconds == pytest.approx(sum(run.stages.values()))
    assert min(run.stages.values()) > 0
    assert (run.peak is not None) == (sys.platform == "linux")


def test_cases_have_the_shapes_of_the_models_they_are_named_after() -> None:
    """Stable Diffusion 1.4: 16 blocks and 24 960 rows; XL: 70 blocks and 166 400 rows, keys and values together."""
    assert {name: (len(case.blocks), 2 * sum(case.blocks)) for name, case in CASES.items() if name != TINY} == {
        "sd14": (16, 24_960),
        "sdxl": (70, 166_400),
    }
    sample = CASES["sdxl"].sample(CASES["sdxl"].literal_share)
    assert len(sample.blocks) / 70 == sum(sample.blocks) / sum(CASES["sdxl"].blocks) == 0.1


def test_the_report_says_what_was_not_measured() -> None:
    result = {"seconds": 30.0, "stages": {"edits": 30.0}, "peak_bytes": None}
    fast = {"seconds": 0.5, "stages": {"Gram": 0.5}, "peak_bytes": 80_000_000}
    machine = {"device": "2 CPU threads", "torch": "2"}
    text = format_report({"machine": machine, "runs": 3, "cases": {"sdxl": {"literal": result, "engine": fast}}})
    label = "literal, per layer, float32 (timed once, on 1/10 of the layers, scaled up)"
    assert f"| {label} | 30.00 | 60.0 × | edits 30.00 | n/a |" in text
    assert "engine, d × d in float64 | 0.50 | 1.0 × | Gram 0.50 | 80 |" in text
    assert "Accuracy" not in text


def test_a_whole_model_is_timed_input_by_input() -> None:
    run = run_family(TINY)
    assert set(run.stages) == {"tokens", "pooled"} and min(run.stages.values()) > 0
    table = format_families({"Flux.1": {"seconds": 2.345, "peak_bytes": 900_000_000}})
    assert "| Flux.1 | tokens (1 × d = 4096), pooled (1 × d = 768) | 2.35 | 900 |" in table
    assert all(cond_input.heights for cond_inputs in FAMILIES.values() for cond_input in cond_inputs.values())
