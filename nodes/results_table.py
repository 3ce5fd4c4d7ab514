"""RECE Results Table: the pictures of a case, and its row in a running table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import folder_paths
from comfy_api.latest import io, ui

from ..rece_core.benchmarks.prompt_list import Case
from ..rece_core.benchmarks.results_table import add_row, check_columns, make_row, read_table, sum_table
from ..rece_core.texts.wording import quote
from .file_names import check_file_name
from .host import show_on_node
from .types import CATEGORY, CaseType, CountsType

TABLES = "rece_tables"  # the folder's name, in the host's output folder


class ListedCase(NamedTuple):
    """A case, and the name of the table that it belongs to; empty for none."""

    table: str
    case: Case


class ReceTally(io.ComfyNode):
    """Saves pictures first, then the row that says they are there."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ReceTally",
            display_name="RECE Results Table",
            category=CATEGORY,
            description="Saves the pictures of a row of RECE Prompt List and writes the row, with what was counted in "
            f"them, into a running table, output/{TABLES}/NAME.csv.",
            inputs=[
                CaseType.Input("case", tooltip="From RECE Prompt List, which names the table."),
                io.Image.Input(
                    "images",
                    tooltip="The pictures drawn for the case; several if the latent is a batch. They are saved in a "
                    "folder of the table's name.",
                ),
                CountsType.Input(
                    "counts",
                    optional=True,
                    tooltip="From RECE Count Nudity: a column for each class. Without it the table says only what was "
                    "drawn.",
                ),
            ],
            outputs=[
                io.String.Output(display_name="sums", tooltip="The counts of the whole table so far, as text."),
            ],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, case, images, counts=None) -> io.NodeOutput:
        table, drawn = case
        path, counts = locate_table(table), counts or {}
        check_columns(path.name, read_table(path), counts)  # before pictures are saved
        saved = ui.ImageSaveHelper.get_save_images_ui(images, f"{TABLES}/{table}/{drawn.number}", cls=cls)
        rows = add_row(path, make_row(drawn, counts, [str(result["filename"]) for result in saved.results]))
        text = show_on_node(f"{len(rows)} cases in {path.name}")
        return io.NodeOutput(sum_table(rows), ui={**saved.as_dict(), **text})


def locate_table(name: str) -> Path:
    """The file of the table `name`; ValueError for a name that could lead out of the folder of tables."""
    if not re.fullmatch(r"\w(?:[\w .,()+=-]*[\w)])?", name):
        raise ValueError(
            f"the table is named {quote(name)}; expected a plain name of letters, digits, spaces and - _ . , such as "
            "'i2p after RECE'. Write it into RECE Prompt List."
        )
    check_file_name(name)
    return Path(folder_paths.get_output_directory()) / TABLES / f"{name}.csv"
