"""RECE Save Checkpoint: the erased model as an ordinary checkpoint that says what was erased from it."""

from __future__ import annotations

from comfy_api.latest import io

from ..rece_core.erasing.erasure import Erasure
from ..rece_core.erasing.presence import Held, same_erasure
from ..rece_core.sharing.provenance import describe_chain
from .file_names import check_file_name
from .host import HostModel, show_on_node, start_progress
from .host_checkpoint import write_checkpoint
from .host_gguf import require_savable
from .host_memory import explain_out_of_memory
from .host_texts import fingerprint_encoder
from .optional_widgets import optional_widgets
from .types import CATEGORY, ErasureType


@optional_widgets
class ReceSaveCheckpoint(io.ComfyNode):
    """The host's own Save Checkpoint, which embeds the workflow, with the erasure's provenance beside it."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ReceSaveCheckpoint",
            display_name="RECE Save Checkpoint",
            category=CATEGORY,
            description="Saves an erased model as an ordinary checkpoint that needs nothing of this pack, like Save "
            "Checkpoint, and writes into its header what was erased onto what, how, and from which model. It compares "
            "the model with the erasure first, and refuses one that does not hold it.",
            inputs=[
                io.Model.Input(
                    "model", tooltip="The erased model, from RECE Iterate, RECE Edit Model or RECE Apply Erasure."
                ),
                io.Clip.Input("clip", tooltip="The text encoder to save with it."),
                io.Vae.Input("vae", tooltip="The VAE to save with it."),
                ErasureType.Input(
                    "erasure",
                    tooltip="What was erased from the model. How much of it is there goes into the file's header, "
                    "with whatever else was erased before.",
                ),
                io.String.Input(
                    "filename_prefix",
                    default="checkpoints/erased",
                    tooltip="Name of the file in the output folder; a number is added, so nothing is overwritten.",
                ),
            ],
            outputs=[io.String.Output(display_name="file", tooltip="Name of the file in the output folder.")],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
        )

    @classmethod
    @explain_out_of_memory()
    def execute(cls, model, clip, vae, erasure, filename_prefix) -> io.NodeOutput:
        check_file_name(filename_prefix)
        require_savable(model)
        note = erasure.check_encoder(fingerprint_encoder(clip))
        held = list_held(HostModel(model, erasure.text_weights), erasure)
        extra = cls.hidden.extra_pnginfo or {}
        file = write_checkpoint(model, clip, vae, filename_prefix, describe_chain(held), cls.hidden.prompt, extra)
        told = [f"Saved as {file}", *(each.describe() for each in held), *([note] if note else [])]
        return io.NodeOutput(file, ui=show_on_node("\n".join(told)))


def list_held(model: HostModel, erasure: Erasure) -> list[Held]:
    """What `model` holds of all that was erased from it, in order; ValueError where that is nothing of `erasure`."""
    measured = model.measure_held([erasure], start_progress())
    held = [each for each in measured if each.is_there]
    if any(same_erasure(each.erasure, erasure) for each in held):
        return held
    asked = next(each for each in measured if same_erasure(each.erasure, erasure))
    raise ValueError(f"this MODEL does not hold the erasure {asked.describe()}. {_explain_absence(asked, held)}")


def _explain_absence(asked: Held, held: list[Held]) -> str:
    if asked.attached:
        return (
            "It was attached, and a node behind it took it out again, such as a merge or a LoRA of the reverse. Put "
            "that node before the one that erases, or connect the MODEL of the one that erases."
        )
    instead = f"It holds {'; '.join(each.describe() for each in held)}. " if held else ""
    return (
        f"{instead}Connect MODEL and ERASURE of the same node: RECE Iterate, RECE Edit Model or RECE Apply Erasure. A "
        "checkpoint that was erased and saved before can't be compared, since its original weights are gone: apply the "
        "erasure to the original and save that."
    )
