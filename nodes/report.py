"""RECE Report: what an erasure did, as one chart and as text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..rece_core.erasing.erasure import Erasure, check_fit
from ..rece_core.erasing.presence import same_erasure
from ..rece_core.progress import Progress
from ..rece_core.reporting.description import summarize_erasure
from ..rece_core.reporting.metrics import ErasureMetrics, describe_metrics, measure_erasure
from ..rece_core.texts.presets import PROBES
from .host import HostModel, show_on_node, start_progress
from .host_memory import explain_out_of_memory
from .host_texts import encode_inputs, fingerprint_encoder
from .pictures import to_images
from .types import CATEGORY, ErasureType, list_lines

if TYPE_CHECKING:
    from ..rece_core.reporting.chart import Pixels


class ReceReport(io.ComfyNode):
    """Measures; changes nothing."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ReceReport",
            display_name="RECE Report",
            category=CATEGORY,
            description="Shows what an erasure did: forgotten, recoverable and drift after each edit, how far texts "
            "to keep have moved, and how much of each weight changed.",
            inputs=[
                ErasureType.Input("erasure", tooltip="From RECE Iterate, RECE Edit Model or RECE Load Erasure."),
                io.Model.Input(
                    "model",
                    tooltip="The original model, before it was erased. Its weights are read, not changed.",
                ),
                io.Clip.Input(
                    "clip",
                    tooltip="The text encoder that belongs to the model, and that the erasure was made for. It is "
                    "read, not changed.",
                ),
                io.String.Input(
                    "probes",
                    multiline=True,
                    default="",
                    optional=True,
                    placeholder=PROBES[0],
                    tooltip="Texts that should not have moved, one a line: the more they did, the more was damaged. "
                    "The chart shows the ten that moved most. Left empty: eight everyday texts.",
                ),
                io.Model.Input(
                    "edited_model",
                    optional=True,
                    tooltip="The MODEL that draws, behind all other nodes: the report says how much of the erasure is "
                    "still in it.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="chart", tooltip="The chart, for Preview Image or Save Image."),
                io.String.Output(display_name="report", tooltip="The same as text, with every text and every weight."),
            ],
        )

    @classmethod
    @explain_out_of_memory()
    def execute(cls, erasure, model, clip, probes="", edited_model=None) -> io.NodeOutput:
        render_chart = _import_chart()
        original = HostModel(model, erasure.text_weights)
        described = original.described
        check_fit(erasure, described)
        comparing, measuring = start_progress().split(0 if edited_model is None else 1, 1)
        warnings = _list_warnings(erasure, original, clip, edited_model, comparing)
        texts = list_lines(probes) or PROBES
        read = [described.prepare_inputs(encode_inputs(clip, text)) for text in texts]
        entries = described.list_entries(erasure.parts)
        metrics = measure_erasure(erasure, described.read(entries, measuring.count(len(entries))), read)
        chart = to_images(render_chart(metrics)[None])
        report = "\n".join([*warnings, describe_metrics(erasure, metrics)])
        shown = show_on_node("\n".join([*warnings, summarize_erasure(erasure)]))
        return io.NodeOutput(chart, report, ui=shown)


def _import_chart() -> Callable[[ErasureMetrics], Pixels]:
    """What draws the chart; ValueError where matplotlib is missing, which no other node needs."""
    try:
        from ..rece_core.reporting.chart import render_chart
    except ImportError as error:
        raise ValueError(
            f"RECE Report draws its chart with matplotlib, which can't be imported ({error}). Run 'pip install "
            "matplotlib' with the Python of your ComfyUI and restart it; all other nodes work without."
        ) from error
    return render_chart


def _list_warnings(
    erasure: Erasure, original: HostModel, clip: Any, edited_model: Any, progress: Progress
) -> list[str]:
    """A sentence for each reason why this erasure may do nothing to what is drawn."""
    warnings = [_compare_encoder(erasure, clip)]
    if erasure.changes_nothing():
        warnings.append("The erasure changes no weight: the model read the target as it reads its anchor.")
    if any(same_erasure(erasure, each) for each in original.list_attached()):
        warnings.append(
            "The MODEL connected as the original has been erased already, so all that is measured here is of erasing "
            "twice. Connect the MODEL before it."
        )
    if edited_model is not None:
        edited = HostModel(edited_model, erasure.text_weights)
        held = next(each for each in edited.measure_held([erasure], progress) if same_erasure(each.erasure, erasure))
        undone = " A node behind took it out again." if held.attached and not held.is_there else ""
        warnings.append(f"The edited MODEL holds this erasure {held.share.describe().removesuffix('.')}.{undone}")
        if edited.patches_attention():
            warnings.append(
                "A node behind patches the attention to the text. What it brings in by weights of its own, such as a "
                "picture's by IPAdapter, was not erased: draw it to see."
            )
    return list(filter(None, warnings))


def _compare_encoder(erasure: Erasure, clip: Any) -> str:
    try:
        return erasure.check_encoder(fingerprint_encoder(clip))
    except ValueError as error:
        return f"Prompts of this CLIP are not what was erased: {error}"
