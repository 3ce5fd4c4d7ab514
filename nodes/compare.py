"""RECE Compare: pictures before and after, side by side with their prompts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from comfy_api.latest import io
from torch import Tensor

from ..rece_core.benchmarks.comparison import Pictures, compare_pictures
from ..rece_core.texts.wording import quote
from .pictures import to_images, to_pictures
from .types import CATEGORY


class ReceCompare(io.ComfyNode):
    """Lays out pictures; knows nothing of models."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ReceCompare",
            display_name="RECE Compare",
            category=CATEGORY,
            description="Puts two or three batches of pictures side by side, picture by picture, with their prompts, "
            "as one image.",
            inputs=[
                io.Image.Input("before", tooltip="The pictures of the left column, such as those of the original."),
                io.Image.Input("after", tooltip="As many pictures of the same size, drawn with the same seed."),
                io.Image.Input(
                    "third", optional=True, tooltip="As many pictures again, for a third column, if there is one."
                ),
                io.String.Input(
                    "prompts",
                    multiline=True,
                    default="",
                    tooltip="What is written above the pictures. One line: for all. As many lines as pictures: a line "
                    "each. Fewer: each line for as many pictures in a row. Left empty: nothing.",
                ),
                io.String.Input(
                    "headings",
                    default="before, after, third",
                    tooltip="The names of the columns, with commas between them.",
                ),
            ],
            outputs=[io.Image.Output(display_name="image", tooltip="The sheet, for Preview Image or Save Image.")],
            is_input_list=True,  # pictures and prompts that come as lists, from RECE Prompt List, make one sheet
        )

    @classmethod
    def execute(cls, before, after, prompts, headings, third=()) -> io.NodeOutput:
        versions = [_join(images) for images in (before, after, third) if images]
        names = [name.strip() for name in headings[0].split(",")]
        if len(names) < len(versions):
            raise ValueError(
                f"{quote(headings[0])} names {len(names)} columns, but there are {len(versions)}. Expected a name for "
                "each, with commas between them, such as 'before, after, third'."
            )
        lines = prompts if len(prompts) > 1 else prompts[0].splitlines()
        chosen = [line.strip() for line in lines if line.strip()]
        return io.NodeOutput(to_images(compare_pictures(versions, names[: len(versions)], chosen)[None]))


def _join(batches: Sequence[Tensor]) -> Pictures:
    """All pictures of several batches, (n, h, w, 3); ValueError where their sizes differ."""
    pictures = [to_pictures(batch) for batch in batches]
    sizes = {f"{each.shape[2]} × {each.shape[1]}" for each in pictures}
    if len(sizes) > 1:
        raise ValueError(
            f"the pictures of a list have the sizes {' and '.join(sorted(sizes))}; expected one size. Draw or scale "
            "all to the same."
        )
    return np.concatenate(pictures)
