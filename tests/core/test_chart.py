"""The chart can be read: at half its size, by all eyes, whatever is in it and however matplotlib is set up."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.axis import Axis
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from rece_core.erasing.erase import EpochRecord
from rece_core.reporting.chart import BLUE, GREEN, LOWER, ORANGE, UPPER, WIDTH, draw_chart, render_chart
from rece_core.reporting.metrics import EntryChange, ErasureMetrics

SMALLEST = 16  # pixels of a letter's line: at half the size, 8 pixels
PARTS = {"input_blocks": 24, "middle_block": 10, "output_blocks": 36}  # of SDXL


def make_metrics(epochs: int = 3, layers: Sequence[str] = ("in.0", "in.1", "out.0"), probes: int = 8) -> ErasureMetrics:
    records = tuple(
        EpochRecord(i, 1 - 0.3 / (i + 1), 0.9 / (i + 1), 1.5, 0.02 * (i + 1), 10, 99.0, 0.1) for i in range(epochs + 1)
    )
    changes = tuple(
        EntryChange(f"model.{layer}.attn2.to_{role[0]}.weight", role, 0.1 + 0.01 * place, "tokens")
        for place, layer in enumerate(layers)
        for role in ("key", "value")
    )
    drifts = tuple((f"a watercolour of {i} flowers on the table", 0.01 * i) for i in range(probes))
    return ErasureMetrics("a red circle => a blue square and 1 more", {"tokens": records}, changes, {"tokens": drifts})


def sdxl() -> ErasureMetrics:
    """Many weights, and two conditioning inputs: a pooled one that a single layer reads."""
    metrics = make_metrics(50, [f"{part}.{i}" for part, count in PARTS.items() for i in range(count)], 40)
    label = EntryChange("model.label_emb.0.0.weight", "input", 0.3, "pooled")
    records = {**metrics.records, "pooled": make_metrics(1).records["tokens"]}
    drifts = {**metrics.drifts, "pooled": make_metrics().drifts["tokens"]}
    return replace(metrics, records=records, drifts=drifts, changes=(label, *metrics.changes))


def strange() -> ErasureMetrics:
    """Numbers that are none, a measure far out of 0 to 1, texts that matplotlib would take for formulas."""
    metrics = make_metrics(0)
    record = replace(metrics.records["tokens"][0], recoverable=float("nan"), forgotten=-2.5)
    concepts = r"$\frac{a}$ => 100 % $ of $" + " very long" * 20
    drifts = (("", 0.0), (r"$\sqrt$ costs $5 and $6", 0.3), ("x" * 200, 1.7))
    return replace(metrics, concepts=concepts, records={"tokens": (record,)}, drifts={"tokens": drifts})


METRICS = {"usual": make_metrics(), "first edit alone": make_metrics(0), "SDXL": sdxl(), "strange": strange()}


def list_texts(figure: Figure) -> list[tuple[str, Bbox]]:
    """All words of a drawn figure, and where they are; not the labels of ticks beyond an axis' end."""
    figure.canvas.draw()
    beyond = set()
    for axis in figure.findobj(Axis):
        low, high = sorted(axis.get_view_interval())
        beyond |= {tick.label1 for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high}
    texts = [each for each in figure.findobj(Text) if each.get_visible() and each not in beyond]
    return [(each.get_text(), each.get_window_extent()) for each in texts if each.get_text().strip()]


@pytest.mark.parametrize("kind", METRICS)
def test_words_are_large_enough_and_none_is_cut_off_or_hides_another(kind: str) -> None:
    figure = draw_chart(METRICS[kind])
    texts = list_texts(figure)
    height = LOWER + UPPER * len(METRICS[kind].records)
    assert len(texts) > 12
    for text, box in texts:
        assert box.height >= SMALLEST * len(text.splitlines()) * 0.6, text  # 0.6: a line without tall letters
        assert min(box.x0, box.y0) >= 0 and box.x1 <= WIDTH and box.y1 <= height, text
    for (one, first), (other, second) in combinations(texts, 2):
        assert not Bbox.intersection(first, second) or min(Bbox.intersection(first, second).size) < 1, (one, other)


@pytest.mark.parametrize("kind", METRICS)
def test_pixels(kind: str) -> None:
    pixels = render_chart(METRICS[kind])
    assert pixels.shape == (LOWER + UPPER * len(METRICS[kind].records), WIDTH, 3)
    assert pixels.dtype == np.uint8
    for colour in (BLUE, ORANGE, GREEN):
        assert (np.abs(pixels - np.array(to_rgb(colour)) * 255).max(-1) < 2).sum() > 50, colour


def test_the_numbers_are_there() -> None:
    words = [text for text, _ in list_texts(draw_chart(make_metrics()))]
    for expected in ("forgotten 92.5%", "recoverable 22.5%", "drift 8.0%", "first\nedit", "key", "value", "in", "out"):
        assert expected in words
    assert any(text.endswith("…  7.0%") for text in words), "the probe that moved most"
    assert "a red circle => a blue square and 1 more" in words


def test_only_the_texts_that_moved_most_are_shown_of_many() -> None:
    words = [text for text, _ in list_texts(draw_chart(sdxl()))]
    assert "Drift of texts to keep: 10 of 40" in words
    assert any("39.0%" in text for text in words) and not any("29.0%" in text for text in words)


def test_each_input_has_a_row_and_its_weights_a_colour() -> None:
    words = [text for text, _ in list_texts(draw_chart(sdxl()))]
    for expected in ("After each edit, tokens", "After each edit, pooled", "input", "recoverable 45.0%"):
        assert expected in words, expected
    alone = [text for text, _ in list_texts(draw_chart(make_metrics()))]
    assert "After each edit" in alone and "input" not in alone


def test_it_looks_the_same_however_matplotlib_is_set_up_and_changes_nothing() -> None:
    usual = render_chart(make_metrics())
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black", "text.color": "white", "axes.grid": True}):
        before = dict(matplotlib.rcParams)
        np.testing.assert_array_equal(render_chart(make_metrics()), usual)
        assert dict(matplotlib.rcParams) == before


def test_pyplot_is_not_touched() -> None:
    code = "import sys, rece_core.reporting.chart; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
