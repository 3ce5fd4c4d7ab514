"""Erasures as files: `.safetensors`, with everything a reader should know in its metadata as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from ..erasing.erasure import Erasure
from ..storage.atomic_file import write_atomically
from ..storage.checksum import PLACEHOLDER, check_file, fill_checksum, has_checksum
from ..storage.tensor_file import TensorFile, open_tensor_file
from .provenance import describe_provenance
from .stored_erasure import ERASER, ERASER_PARTS, OF_INPUT, ORTHOGONAL_MAP, restore_erasure

FORMAT = "rece-erasure"
FORMAT_VERSION = 2
MOST_DIGITS = 9  # of a version


def save_erasure(erasure: Erasure, path: Path) -> None:
    """Write `erasure` to `path`, whole or not at all: an older file of that name survives any failure.

    Raises OSError when the folder cannot be written.
    """
    write_atomically(path, pack_erasure(erasure))


def pack_erasure(erasure: Erasure) -> bytes:
    """The whole file."""
    metadata = {"format": FORMAT, "format_version": str(FORMAT_VERSION), **describe_provenance(erasure)}
    return fill_checksum(save(_collect_tensors(erasure), metadata={**metadata, **PLACEHOLDER}))


def load_erasure(path: Path) -> Erasure:
    """Read an erasure. Raises ValueError for a file that is damaged, altered, of another kind, or of a newer version.

    Whether it was altered is known of files with a checksum alone.
    """
    file = open_tensor_file(path)
    _check_format(file.metadata, path)
    try:
        erasure = restore_erasure(file)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path.name} calls itself an erasure, but its header is damaged ({type(error).__name__}: {error}). "
            "Save the erasure again."
        ) from error
    _check_whole(file, erasure)
    return erasure


def _check_whole(file: TensorFile, erasure: Erasure) -> None:
    """Last, as it reads all of the file, which holds no more than the erasure by now."""
    strange = file.tensors.keys() - _collect_tensors(erasure, compressed=False).keys()
    if strange and has_checksum(file.path):
        raise ValueError(
            f"{file.path.name} is damaged, or was altered after it was saved: it holds {min(strange)[:60]!r}, which no "
            "erasure has. Get it again from where it comes from, or save it again."
        )
    if not strange:
        check_file(file.path)


def _collect_tensors(erasure: Erasure, compressed: bool = True) -> dict[str, Tensor]:
    """What a file holds of `erasure`, by name; its operators in as few numbers as they can have."""
    tensors: dict[str, Tensor] = {}
    for cond_input, part in erasure.parts.items():
        operator = part.operator.compressed() if compressed else part.operator
        named = {"operator.left": operator.left, "operator.right": operator.right}
        named |= {f"{ORTHOGONAL_MAP}{name}": turn for name, turn in part.orthogonal_maps.items()}
        for name, eraser in part.value_erasers.items():
            named |= {f"{ERASER}{name}.{stored}": getattr(eraser, side) for stored, side in ERASER_PARTS.items()}
        tensors |= {f"{cond_input}{OF_INPUT}{name}": tensor.cpu().contiguous() for name, tensor in named.items()}
    return tensors


def _check_format(metadata: Mapping[str, str], path: Path) -> None:
    if metadata.get("format") != FORMAT:
        found = metadata.get("format", "nothing")[:60]
        raise ValueError(
            f"{path.name} is not an erasure: its header says format {found!r}, expected "
            f"{FORMAT!r}. Choose a file that RECE Save Erasure wrote; load a LoRA with the LoRA loader."
        )
    version = metadata.get("format_version", "")
    if not version.isdecimal() or len(version) > MOST_DIGITS:
        raise ValueError(
            f"{path.name} has the version {version[:60]!r}; expected a whole number. Save the erasure again."
        )
    if int(version) > FORMAT_VERSION:
        raise ValueError(
            f"{path.name} has version {version} of the erasure format, this pack reads up to {FORMAT_VERSION}. "
            "Update ComfyUI-RECE."
        )
