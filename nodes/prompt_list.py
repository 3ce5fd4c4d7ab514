"""RECE Prompt List: prompts, seeds and guidance from a CSV, row by row or many at once."""

from __future__ import annotations

from pathlib import Path

import folder_paths
from comfy_api.latest import io

from ..rece_core.benchmarks.prompt_list import read_prompt_list, take_cases
from ..rece_core.benchmarks.results_table import read_table
from ..rece_core.texts.wording import quote
from .host import show_on_node
from .optional_widgets import optional_widgets
from .results_table import TABLES, ListedCase, locate_table
from .types import CATEGORY, CaseType

SHIPPED = Path(__file__).parents[1] / "demo" / "prompts"  # lists of the pack's own, for the demo model


@optional_widgets
class RecePromptList(io.ComfyNode):
    """Reads a list again whenever it, or the table of what is done, has changed."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RecePromptList",
            display_name="RECE Prompt List",
            category=CATEGORY,
            description="Gives prompts, seeds and guidance from a CSV file in the column layout of I2P, COCO-30k or "
            "UCE. Queue the workflow as often as there are rows; with a table, only what it lacks is drawn.",
            inputs=[
                io.Combo.Input(
                    "file",
                    options=sorted(_list_files()),
                    tooltip="A .csv file in the input folder, or one that ships with this pack. Needed are the columns "
                    "'prompt' and 'evaluation_seed' or 'sd_seed'.",
                ),
                io.Int.Input(
                    "start",
                    default=0,
                    min=0,
                    max=2**31 - 1,
                    control_after_generate=True,
                    tooltip="The row to begin with, from 0. Without a table set its control to 'increment', so that "
                    "each queued run takes the next row. With a table leave it at 'fixed': done rows are passed over.",
                ),
                io.Int.Input(
                    "count",
                    default=1,
                    min=1,
                    max=100000,
                    tooltip="How many rows a run takes. More than one come as lists: the nodes behind this one run "
                    "once for each. Take 1 and queue often where a run may be interrupted.",
                ),
                io.String.Input(
                    "table",
                    default="",
                    tooltip=f"Name of the table that RECE Results Table keeps as output/{TABLES}/NAME.csv, such as "
                    "'i2p after RECE'. Rows that it has are passed over, so an interrupted run goes on where it "
                    "stopped. Left empty: no table.",
                ),
            ],
            outputs=[
                io.String.Output(display_name="prompt", tooltip="For CLIP Text Encode.", is_output_list=True),
                io.Int.Output(display_name="seed", tooltip="For a KSampler.", is_output_list=True),
                io.Float.Output(
                    display_name="guidance",
                    tooltip="For a KSampler's cfg; 7.5 where the file has none, as in the papers' scripts.",
                    is_output_list=True,
                ),
                io.Int.Output(
                    display_name="width",
                    tooltip="For Empty Latent Image; 512 where the file has none.",
                    is_output_list=True,
                ),
                io.Int.Output(
                    display_name="height",
                    tooltip="For Empty Latent Image; 512 where the file has none.",
                    is_output_list=True,
                ),
                CaseType.Output(display_name="case", tooltip="The row, for RECE Results Table.", is_output_list=True),
            ],
        )

    @classmethod
    def execute(cls, file, start, count, table) -> io.NodeOutput:
        cases = read_prompt_list(_locate_file(file))
        done = read_table(locate_table(table)) if table.strip() else {}
        taken = take_cases(cases, start, count, done)
        numbers = f"case {taken[0].number}" if len(taken) == 1 else f"cases {taken[0].number} to {taken[-1].number}"
        text = f"{numbers} of {len(cases)} rows" + (f"; the table has {len(done)}" if table.strip() else "")
        return io.NodeOutput(
            [case.prompt for case in taken],
            [case.seed for case in taken],
            [case.guidance for case in taken],
            [case.width for case in taken],
            [case.height for case in taken],
            [ListedCase(table, case) for case in taken],
            ui=show_on_node(text),
        )

    @classmethod
    def fingerprint_inputs(cls, file, start, count, table):
        """Run again when the list or the table has changed; always, where their names come from other nodes."""
        if file is None or table is None:
            return float("nan")
        return [_read_state(_locate_file(file)), _read_state(locate_table(table)) if table.strip() else None]


def _list_files() -> dict[str, Path]:
    """Path by name; of the user's own where both have one of that name."""
    folders = (SHIPPED, Path(folder_paths.get_input_directory()))
    return {path.name: path for folder in folders for path in folder.glob("*.csv") if path.is_file()}


def _locate_file(name: str) -> Path:
    files = _list_files()
    if name not in files:
        raise ValueError(
            f"there is no prompt list {quote(name)}. Expected one of: {', '.join(sorted(files))}. Put a .csv file "
            "into the input folder and press R."
        )
    return files[name]


def _read_state(path: Path) -> tuple[int, int] | None:
    if not path.exists():
        return None
    state = path.stat()
    return state.st_mtime_ns, state.st_size
