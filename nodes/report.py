"""RECE Report: what an erasure did, as one chart and as text."""

from __future__ import annotations

from comfy_api.latest import io

from ..rece_core.erasing.erasure import check_fit
from ..rece_core.reporting.chart import render_chart
from ..rece_core.reporting.description import summarize_erasure
from ..rece_core.reporting.metrics import describe_metrics, measure_erasure
from ..rece_core.texts.presets import PROBES
from .host import HostModel, Progress, show_on_node
from .host_memory import explain_out_of_memory
from .host_texts import encode_inputs, fingerprint_encoder
from .pictures import to_images
from .types import CATEGORY, ErasureType, list_lines


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
            ],
            outputs=[
                io.Image.Output(display_name="chart", tooltip="The chart, for Preview Image or Save Image."),
                io.String.Output(display_name="report", tooltip="The same as text, with every text and every weight."),
            ],
        )

    @classmethod
    @explain_out_of_memory()
    def execute(cls, erasure, model, clip, probes="") -> io.NodeOutput:
        described = HostModel(model, erasure.text_weights).described
        erasure.check_encoder(fingerprint_encoder(clip))
        check_fit(erasure, described)
        texts = list_lines(probes) or PROBES
        read = [described.prepare_inputs(encode_inputs(clip, text)) for text in texts]
        entries = described.list_entries(erasure.parts)
        metrics = measure_erasure(erasure, described.read(entries, Progress(len(entries))), read)
        chart = to_images(render_chart(metrics)[None])
        return io.NodeOutput(chart, describe_metrics(erasure, metrics), ui=show_on_node(summarize_erasure(erasure)))
