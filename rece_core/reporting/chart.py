"""An erasure as one chart: its measures by epoch, the drift of probe texts, the change of every weight."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import compress
from typing import Any

import matplotlib.style
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from ..erasing.erase import EpochRecord
from ..texts.wording import escape_controls
from .metrics import EntryChange, ErasureMetrics

WIDTH, UPPER, LOWER, DPI = (
    1000,
    600,
    400,
    100,
)  # pixels: of the chart, of a conditioning input's part of it, and of the weights'
LETTERS, TITLE = 13, 15  # points, of 1/72 inch: 18 and 21 pixels, which can still be read at half the size
# Okabe and Ito's colours, which all eyes can distinguish; shapes and dashes distinguish the lines without them.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#6E6E6E"
LINES = {"forgotten": (BLUE, "o", "-"), "recoverable": (ORANGE, "s", "--"), "drift": (GREEN, "^", ":")}
ROLES = {"key": BLUE, "value": ORANGE, "input": GREEN}
MOST_PROBES, PROBE_LETTERS, TITLE_LETTERS = 10, 26, 62
MOST_SECTIONS, MOST_MARKS = 6, 12
MOST_LETTERS = 1000  # of a text that is looked at; strangers' texts can be of any length
LETTER = 0.012  # of the chart's width that a letter takes, at most

Pixels = npt.NDArray[np.uint8]


def render_chart(metrics: ErasureMetrics) -> Pixels:
    """The chart as pixels, (height, width, 3), however matplotlib is set up in this process."""
    with matplotlib.style.context("default"):
        figure = draw_chart(metrics)
        canvas: Any = figure.canvas
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def draw_chart(metrics: ErasureMetrics) -> Figure:
    """The chart as a figure that pyplot does not know: a row a conditioning input, and below them all the weights."""
    cond_inputs = list(metrics.records)
    heights = [*(UPPER for _ in cond_inputs), LOWER]
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12)
    figure = Figure(figsize=(WIDTH / DPI, sum(heights) / DPI), dpi=DPI, layout=layout)
    FigureCanvasAgg(figure)
    figure.suptitle(_shorten(metrics.concepts, TITLE_LETTERS), fontsize=TITLE, fontweight="bold", parse_math=False)
    *rows, bottom = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for cond_input, row in zip(cond_inputs, rows, strict=True):
        left, right = row.subplots(1, 2)
        draw_epochs(
            left,
            metrics.records[cond_input],
            f"After each edit, {cond_input}" if len(cond_inputs) > 1 else "After each edit",
        )
        row.legend(loc="outside lower center", ncols=len(LINES), fontsize=LETTERS, frameon=False)
        draw_drifts(right, metrics.drifts[cond_input])
    draw_changes(bottom.subplots(), metrics.changes)
    return figure


def draw_epochs(axes: Axes, records: Sequence[EpochRecord], title: str) -> None:
    """Forgotten, recoverable and drift after each edit, the last numbers in the legend."""
    _title(axes, title)
    epochs = [record.epoch for record in records]
    for name, (colour, marker, dash) in LINES.items():
        values = [getattr(record, name) for record in records]
        label = f"{name} {values[-1]:.1%}" if math.isfinite(values[-1]) else name
        (line,) = axes.plot(epochs, values, dash, color=colour, linewidth=2.5, marker=marker, label=label)
        line.set(markersize=8, markevery=math.ceil(len(epochs) / MOST_MARKS))
    axes.axhline(0, color=GREY, linewidth=1, zorder=0)
    axes.set_ylim(min(-0.05, axes.get_ylim()[0]), max(1.05, axes.get_ylim()[1]))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlim(-0.5, epochs[-1] + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda epoch, _: f"{epoch:.0f}" if epoch else "first\nedit"))
    axes.set_xlabel("epoch", fontsize=LETTERS)


def draw_drifts(axes: Axes, drifts: Sequence[tuple[str, float]]) -> None:
    """A bar for each probe, furthest first; only the furthest where there are many."""
    shown = sorted(drifts, key=lambda each: -each[1])[:MOST_PROBES]
    some = f": {len(shown)} of {len(drifts)}" if len(shown) < len(drifts) else ""
    _title(axes, f"Drift of texts to keep{some}")
    places = range(len(shown))
    values = [drift for _, drift in shown]
    axes.barh(places, values, color=GREEN, height=0.35)
    for place, (text, drift) in zip(places, shown, strict=True):
        words = f"{_shorten(text or '(empty)', PROBE_LETTERS)}  {drift:.1%}"
        axes.text(0, place - 0.28, words, fontsize=LETTERS, va="bottom", parse_math=False)
    axes.set_ylim(len(shown) - 0.5, -0.9)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlim(0, max([0.01, *values]) * 1.05)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(PercentFormatter(1))


def draw_changes(axes: Axes, changes: Sequence[EntryChange]) -> None:
    """Bars for the text entries in the model's order, those of one layer side by side, a colour for each role."""
    _title(axes, "Change of each weight that reads the text, ‖W' − W‖ / ‖W‖")
    layers = list(dict.fromkeys(_layer(each) for each in changes))
    roles = list(dict.fromkeys(each.role for each in changes))
    width = 0.8 / len(roles)
    for index, role in enumerate(roles):
        of_role = [each for each in changes if each.role == role]
        places = [layers.index(_layer(each)) + (index - (len(roles) - 1) / 2) * width for each in of_role]
        axes.bar(places, [each.change for each in of_role], width, color=ROLES.get(role, GREY), label=role)
    _mark_sections(axes, layers)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(roles), fontsize=LETTERS, frameon=False)


def _mark_sections(axes: Axes, layers: Sequence[str]) -> None:
    """Below the bars, which part of the model they are of; a line between parts."""
    parts = [layer.split(".") for layer in layers]
    shared = next((i for i, names in enumerate(zip(*parts, strict=False)) if len(set(names)) > 1), 0)
    sections = [names[shared] for names in parts]
    starts = [place for place, name in enumerate(sections) if place == 0 or name != sections[place - 1]]
    axes.set_xlim(-0.6, len(layers) - 0.4)
    axes.set_xticks([])
    if len(starts) > MOST_SECTIONS:
        return
    ends = [*starts[1:], len(layers)]
    middles = [(start + end - 1) / 2 for start, end in zip(starts, ends, strict=True)]
    names = [_shorten(sections[start].replace("_", " "), PROBE_LETTERS) for start in starts]
    shares = [(end - start) / len(layers) for start, end in zip(starts, ends, strict=True)]
    fitting = [len(name) * LETTER < share for name, share in zip(names, shares, strict=True)]
    shown = list(compress(names, fitting))
    axes.set_xticks(list(compress(middles, fitting)), shown, fontsize=LETTERS, parse_math=False)
    for start in starts[1:]:
        axes.axvline(start - 0.5, color=GREY, linewidth=1)


def _title(axes: Axes, text: str) -> None:
    axes.set_title(_shorten(text, TITLE_LETTERS), fontsize=LETTERS, loc="left", parse_math=False)
    axes.tick_params(labelsize=LETTERS, length=0)
    axes.spines[["top", "right"]].set_visible(False)


def _layer(entry: EntryChange) -> str:
    return entry.name.removesuffix(".weight").rsplit(".", 1)[0]


def _shorten(text: str, letters: int) -> str:
    flat = " ".join(escape_controls(text[:MOST_LETTERS]).split())
    return flat if len(flat) <= letters else f"{flat[: letters - 1].rstrip()}…"
