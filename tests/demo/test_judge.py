"""The shipped judge on renders it never saw, the size of what ships, and what the judge refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import demo
from demo.judge import NONE, Judge, classify, load_judge
from demo.negatives import draw_blanks, draw_fields, draw_halves, draw_strangers
from demo.world import WORLD, draw_scene, render

WEIGHTS = Path(demo.__file__).parent / "weights"


@pytest.fixture(scope="module")
def judge() -> Judge:
    return load_judge()


def test_judge_is_right_on_fresh_renders(judge: Judge) -> None:
    rng = np.random.default_rng(123)
    scenes = [draw_scene(rng) for _ in range(500)]
    verdicts = classify(judge, render(scenes, 128))
    for attribute in ("shape", "colour", "fill"):
        right = [getattr(s, attribute) == getattr(v, attribute) for s, v in zip(scenes, verdicts, strict=True)]
        assert sum(right) / len(right) >= 0.98, attribute


@pytest.mark.parametrize("kind", ["blanks", "noise", "halves", "strangers"])
def test_judge_says_none(judge: Judge, kind: str) -> None:
    rng = np.random.default_rng(124)
    pictures = {
        "blanks": draw_blanks(rng, 100, 128),
        "noise": draw_fields(rng, 100, 128, 64),
        "halves": draw_halves(rng, 100, 128, WORLD),
        "strangers": draw_strangers(rng, 100, 128, WORLD),
    }[kind]
    refused = [verdict.shape == verdict.colour == verdict.fill == NONE for verdict in classify(judge, pictures)]
    assert sum(refused) >= 95


def test_judge_refuses_a_picture_without_a_batch(judge: Judge) -> None:
    with pytest.raises(ValueError, match=r"shape \(64, 64, 3\); expected \(n, H, W, 3\)"):
        classify(judge, torch.zeros(64, 64, 3))


def test_weights_fit_the_pack() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS.glob("*.safetensors")) <= 10_000_000
