"""RECE Save Erasure: an erasure as a small file to keep and to share, for this pack or as a LoRA for others."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import folder_paths
from comfy_api.latest import io

from ..rece_core.sharing.erasure_file import pack_erasure
from ..rece_core.sharing.lora_file import describe_header, make_lora, pack_lora
from ..rece_core.sharing.provenance import describe_base
from ..rece_core.storage.atomic_file import write_numbered
from ..rece_core.texts.wording import quote
from .erasure_files import ERASURES
from .file_names import check_file_name
from .host import HostModel, show_on_node, start_progress
from .host_memory import explain_out_of_memory
from .host_weights import read_weight
from .optional_widgets import optional_widgets
from .types import CATEGORY, ErasureType

LORAS = "loras"  # the host's own folder, where its LoRA loaders look
OPERATOR, LORA, DIFFUSERS_LORA = "operator", "LoRA", "LoRA for diffusers"
# What each file is and who can load it, and what none of them protects from.
WHAT_IT_IS = {
    OPERATOR: "For this pack: RECE Load Erasure and RECE Apply Erasure put it onto any checkpoint with the same text "
    "encoder; other programs can't load it.",
    LORA: "A LoRA for the model that it was made on: LoRA loaders of ComfyUI and most other programs read it; load it "
    "at strength 1.",
    DIFFUSERS_LORA: "A LoRA for the model that it was made on, which diffusers reads; load it at strength 1.",
}
WHAT_IT_IS_NOT = (
    "Whoever leaves it out, or has the original model, still has all of it; and embeddings that somebody computes may "
    "bring it back. To give away a model that forgot, save a checkpoint."
)
BIAS_NOTE = "Its biases are read by ComfyUI and Forge alone; save it again for diffusers, or a checkpoint for A1111."


@optional_widgets
class ReceSaveErasure(io.ComfyNode):
    """Writes whole files or none, under a new number each time."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ReceSaveErasure",
            display_name="RECE Save Erasure",
            category=CATEGORY,
            description="Saves an erasure as a small .safetensors file in the output folder: for RECE Load Erasure, or "
            "as a LoRA that needs nothing of this pack. It says what was erased onto what, how, and from which model.",
            inputs=[
                ErasureType.Input("erasure", tooltip="From RECE Iterate or RECE Edit Model."),
                io.String.Input(
                    "filename_prefix",
                    default="erasure",
                    tooltip=f"Name of the file in output/{ERASURES}, for a LoRA in output/{LORAS}; a number is added, "
                    "so nothing is overwritten. It may name a folder below it, as in 'styles/van_gogh'.",
                ),
                io.Combo.Input(
                    "format",
                    options=[OPERATOR, LORA, DIFFUSERS_LORA],
                    default=OPERATOR,
                    optional=True,
                    tooltip=f"'{OPERATOR}': small and exact, for RECE Load Erasure; fits checkpoints with the same "
                    f"text encoder. '{LORA}': for the LoRA loaders of ComfyUI and, without value erasure, most other "
                    f"programs. '{DIFFUSERS_LORA}': for diffusers, with it too.",
                ),
                io.Int.Input(
                    "rank",
                    default=0,
                    min=0,
                    max=16384,
                    optional=True,
                    tooltip="Rank of the LoRA. 0: the smallest that loses at most 0.1 % of what changes. Lower: a "
                    "smaller file that erases less exactly; the node shows how much is lost. Higher: the reverse.",
                ),
                io.Model.Input(
                    "model",
                    optional=True,
                    tooltip="For a LoRA: the model that went into RECE Iterate or RECE Edit Model, not the erased one.",
                ),
            ],
            outputs=[
                io.String.Output(
                    display_name="file", tooltip="Name of the file, as RECE Load Erasure or the LoRA loaders list it."
                )
            ],
            is_output_node=True,
        )

    @classmethod
    @explain_out_of_memory()
    def execute(cls, erasure, filename_prefix, format=OPERATOR, rank=0, model=None) -> io.NodeOutput:
        _check_name(filename_prefix, ERASURES if format == OPERATOR else LORAS)
        if erasure.changes_nothing():
            raise ValueError(
                f"the erasure of {erasure.concepts.summarize()} changes no weight, so there is nothing to save. "
                "Choose an anchor that the model reads otherwise than the target, and erase again."
            )
        if format == OPERATOR:
            relative = _write(pack_erasure(erasure), filename_prefix, ERASURES)
            return io.NodeOutput(relative, ui=show_on_node(_describe_file(relative, format)))
        return cls._save_lora(erasure, filename_prefix, rank, model, format)

    @staticmethod
    def _save_lora(erasure, filename_prefix, rank, model, format) -> io.NodeOutput:
        if model is None:
            raise ValueError(
                "a LoRA holds what changes in the weights of a model, and none is connected. Connect to 'model' the "
                f"MODEL that went into RECE Iterate or RECE Edit Model, or choose the format '{OPERATOR}'."
            )
        base = HostModel(model, erasure.text_weights)
        described = base.described
        comparing, making = start_progress().split(1, 2)
        before = base.measure_held(progress=comparing)
        lora = make_lora(
            erasure,
            described,
            partial(read_weight, model),
            rank,
            format == DIFFUSERS_LORA,
            making,
        )
        header = {**describe_header(lora, erasure), **describe_base(before)}
        relative = _write(pack_lora(lora, header), filename_prefix, LORAS)
        notes = [BIAS_NOTE] if lora.biases and format == LORA else []
        notes += [f"Goes on top of, and does not hold: {each.describe()}" for each in before if each.is_there]
        return io.NodeOutput(relative, ui=show_on_node(_describe_file(relative, format, f"{lora.describe()}.", *notes)))


def _describe_file(file: str, format: str, *notes: str) -> str:
    return "\n".join([f"Saved as {file}", WHAT_IT_IS[format], *notes, WHAT_IT_IS_NOT])


def _write(content: bytes, prefix: str, place: str) -> str:
    """Write a new file and return its name below that folder of the output; its number is one that no file has."""
    root = str(Path(folder_paths.get_output_directory()) / place)

    def choose() -> Path:
        folder, name, counter, *_ = folder_paths.get_save_image_path(prefix, root)
        return Path(folder) / f"{name}_{counter:05}_.safetensors"

    return os.path.relpath(write_numbered(choose, content), root)


def _check_name(prefix: str, place: str) -> None:
    check_file_name(prefix)
    parts = Path(prefix.replace("\\", "/"))
    if not prefix.strip() or parts.is_absolute() or ".." in parts.parts or ":" in prefix:
        raise ValueError(
            f"the file name {quote(prefix)} would lie outside output/{place}. "
            "Expected a plain name or one below that folder, such as 'styles/van_gogh'."
        )
