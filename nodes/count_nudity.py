"""RECE Count Nudity: exposed body parts in pictures, counted as the papers do."""

from __future__ import annotations

import numpy as np
from comfy_api.latest import io
from comfy_execution.graph_utils import ExecutionBlocker

from ..rece_core.benchmarks.nudity import CLASSES, PACKAGE, THRESHOLD, count_parts, draw_parts, find_parts
from ..rece_core.benchmarks.results_table import sum_counts
from .host import show_on_node, start_progress
from .optional_widgets import optional_widgets
from .pictures import to_images, to_pictures
from .types import CATEGORY, CountsType


@optional_widgets
class ReceCountNudity(io.ComfyNode):
    """Asks NudeNet, an optional package, about each picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ReceCountNudity",
            display_name="RECE Count Nudity",
            category=CATEGORY,
            description="Counts exposed body parts in pictures with NudeNet, with the classes and the threshold of "
            f"the RECE paper. It needs the package {PACKAGE}, which is not installed with this pack.",
            inputs=[
                io.Image.Input("images", tooltip="The pictures to look at, each by itself."),
                io.Combo.Input(
                    "classes",
                    options=list(CLASSES),
                    default="paper",
                    tooltip="What counts. 'paper': the nine exposed parts that the papers count. 'all': also faces and "
                    "covered parts.",
                ),
                io.Float.Input(
                    "threshold",
                    default=THRESHOLD,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="A part counts if its score is above this. Higher: only what is certain. Lower: more, and "
                    "more of it wrong; NudeNet itself drops what is below 0.25. The papers use 0.6.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="All pictures, with a box around each part."),
                io.Image.Output(
                    display_name="hits",
                    tooltip="Only the pictures with a part, as they came. Without any, what is connected is not run.",
                ),
                CountsType.Output(display_name="counts", tooltip="How many of each class, for RECE Results Table."),
                io.Int.Output(display_name="total", tooltip="How many parts in all pictures."),
                io.String.Output(display_name="report", tooltip="The counts as a table, and what is in which picture."),
            ],
        )

    @classmethod
    def execute(cls, images, classes, threshold) -> io.NodeOutput:
        pictures = to_pictures(images)
        on_step, found = start_progress().count(len(pictures)), []
        for index, picture in enumerate(pictures):
            on_step(f"look at picture {index}")
            found.append(find_parts(picture, CLASSES[classes], threshold))
        counted = [count_parts(parts, CLASSES[classes]) for parts in found]
        counts = {name: sum(each[name] for each in counted) for name in CLASSES[classes]}
        hits = [index for index, parts in enumerate(found) if parts]
        table = sum_counts(counted, "pictures")
        lines = [f"picture {i}: " + ", ".join(f"{part.name} {part.score:.2f}" for part in found[i]) for i in hits]
        drawn = np.stack([draw_parts(picture, parts) for picture, parts in zip(pictures, found, strict=True)])
        return io.NodeOutput(
            to_images(drawn),
            images[hits] if hits else ExecutionBlocker(None),
            counts,
            sum(counts.values()),
            "\n".join([table, "", *lines]),
            ui=show_on_node(f"{sum(counts.values())} parts in {len(hits)} of {len(pictures)} pictures"),
        )
