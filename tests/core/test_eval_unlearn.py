"""The technique for eval-unlearn: found by its entry point, run by that package's own runner on a small pipeline.

The package itself brings 270 MB (pyarrow, pandas), so the development requirements leave it out; the test that runs it
is skipped without.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image

from rece_core.pipelines.eval_unlearn import ReceTechnique
from tests.core.diffusers_pipelines import make_pipeline

ROOT = Path(__file__).parents[2]
QUICK = {"schedule": "paper", "num_inference_steps": 2, "guidance_scale": 3.0, "device": "cpu"}
PROMPTS = ["a cat", "a cat in a hat", "a cat on a mat"]
CAT: dict[str, Any] = {"erase_concept": "a cat => a dog", **QUICK}
GROUP = "eval_unlearn.techniques"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small SD 1.x."""
    folder = tmp_path_factory.mktemp("model")
    make_pipeline("sd1", folder).save_pretrained(folder / "sd1")
    return folder / "sd1"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what pip would write about this project where it installs it."""
    source, there = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "rece_core", source / "rece_core", ignore=shutil.ignore_patterns("__pycache__"))
    script = f"from setuptools.build_meta import *; prepare_metadata_for_build_wheel({str(there)!r})"
    subprocess.run([sys.executable, "-c", script], cwd=source, check=True, capture_output=True)
    return there


def test_installed_it_is_found_and_only_the_engine_is(installed: Path) -> None:
    (folder,) = installed.glob("*.dist-info")
    about = PathDistribution(folder)
    (point,) = [each for each in about.entry_points if each.group == GROUP]
    assert (point.name, point.load()) == ("rece", ReceTechnique)
    assert (folder / "top_level.txt").read_text().split() == ["rece_core"]
    assert about.metadata.get_all("Provides-Extra") == ["nudity", "diffusers", "cluster"]


def test_it_draws_by_seed_and_otherwise_than_the_original(model: Path) -> None:
    technique = ReceTechnique(model_id=str(model), **CAT)
    assert "a cat => a dog" in technique.report
    pictures = technique.generate(PROMPTS[:2], seed=5)
    (again,) = technique.generate(PROMPTS[1:2], seed=6)
    assert same(pictures[1], again) and not same(pictures[0], again)
    gone = ReceTechnique(model_id=str(model), **{**CAT, "erase_concept": "a bird => a tree"})
    assert not same(pictures[0], gone.generate(PROMPTS[:1], seed=5)[0]), "control: it depends on what is erased"


def same(one: Image.Image, other: Image.Image) -> bool:
    return numpy.array_equal(numpy.asarray(one), numpy.asarray(other))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, r"erase_concept is missing; expected what to forget"),
        ({"erase_concept": " "}, r"erase_concept is missing"),
        ({"erase_concept": "a", "epoch": 3}, r"epoch is no option of rece; expected one of erase_concept, "),
    ],
)
def test_configurations_that_say_what_nobody_knows(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ReceTechnique(**config)


def test_nothing_is_downloaded(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        ReceTechnique(model_id="nobody/no-such-model", **CAT)


def test_the_benchmarks_own_runner_runs_it(
    model: Path, installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("eval_unlearn", reason="eval-unlearn is not installed")
    from eval_unlearn.registry import register_metric
    from eval_unlearn.runners import SingleBenchmarkRunner
    from eval_unlearn.types import Dataset, MetricResult

    drawn: dict[str, list[Image.Image]] = {}

    class Pictures:
        """A metric, as the package has them: the mean grey of all pictures."""

        def __init__(self, name: str) -> None:
            self.pictures = drawn.setdefault(name, [])

        def load_dataset(self) -> list[Any]:
            return [Dataset(PROMPTS[:2], {"source": "three"}), Dataset(PROMPTS[2:], {"source": "three"})]

        def update(self, images: list[Any], prompts: list[str], metadata: dict[str, Any]) -> None:
            self.pictures.extend(images)

        def compute(self) -> Any:
            return MetricResult("grey", float(numpy.mean([numpy.mean(numpy.asarray(each)) for each in self.pictures])))

    register_metric("pictures")(Pictures)
    monkeypatch.syspath_prepend(str(installed))
    own = {**CAT, "model_id": str(model)}
    for name, config in (("rece", own), ("free_run", {**own, "use_fp16": False})):
        runner = SingleBenchmarkRunner(name, "pictures", config, {"name": name}, str(tmp_path), seed=1)
        report = runner.run()
        assert (report["technique_name"], report["dataset_metadata"]["total_loaded"]) == (name, 3)
        assert 0 <= report["metric_result"]["value"] <= 255
    assert len(list(tmp_path.glob("rece_pictures_*/images/*.png"))) == 3
    assert len(list(tmp_path.glob("????????_report.json"))) == 2
    pairs = list(zip(drawn["rece"], drawn["free_run"], strict=True))
    assert len(pairs) == 3 and not any(same(*pair) for pair in pairs), "control: the original draws something else"
