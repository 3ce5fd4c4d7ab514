"""RECE Load Erasure: erasures from the small files that RECE Save Erasure writes."""

from __future__ import annotations

from pathlib import Path

import folder_paths
from comfy_api.latest import io

from ..rece_core.reporting.description import describe_erasure, summarize_erasure
from ..rece_core.sharing.erasure_file import load_erasure
from ..rece_core.sharing.provenance import describe_origin
from ..rece_core.storage.tensor_file import open_tensor_file
from .host import show_on_node
from .results import describe_erased
from .types import CATEGORY, ErasureType

ERASURES = "rece_erasures"  # the folder's name, in the host's models and output folders and among its model types


class ReceLoadErasure(io.ComfyNode):
    """Reads a file and shows what it is."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ReceLoadErasure",
            display_name="RECE Load Erasure",
            category=CATEGORY,
            is_output_node=True,  # as RECE Iterate, see there
            description="Loads an erasure and shows what it erases and where it comes from. Apply it with RECE Apply "
            "Erasure.",
            inputs=[
                io.Combo.Input(
                    "file",
                    options=_list_files(),
                    tooltip=f"A file from models/{ERASURES} or output/{ERASURES}.",
                ),
            ],
            outputs=[
                ErasureType.Output(display_name="erasure", tooltip="For RECE Apply Erasure."),
                io.String.Output(
                    display_name="report",
                    tooltip="What it erases, its measures when it was made, and where it comes from.",
                ),
            ],
        )

    @classmethod
    def execute(cls, file) -> io.NodeOutput:
        path = Path(folder_paths.get_full_path_or_raise(ERASURES, file))
        erasure, origin = load_erasure(path), describe_origin(open_tensor_file(path).metadata)
        report = f"{describe_erasure(erasure)}\n\n{origin}"
        shown = show_on_node(f"{summarize_erasure(erasure)}\n{origin}", describe_erased(erasure, report))
        return io.NodeOutput(erasure, report, ui=shown)

    @classmethod
    def fingerprint_inputs(cls, file) -> float:
        """Load again when the file was replaced."""
        return Path(folder_paths.get_full_path_or_raise(ERASURES, file)).stat().st_mtime


def _list_files() -> list[str]:
    # Not get_filename_list: its cache raises once a folder was deleted, as happens to folders of the output.
    found = (folder_paths.recursive_search(folder)[0] for folder in folder_paths.get_folder_paths(ERASURES))
    extensions = folder_paths.folder_names_and_paths[ERASURES][1]
    return folder_paths.filter_files_extensions({file for files in found for file in files}, extensions)
