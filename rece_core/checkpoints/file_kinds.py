"""What a `.safetensors` file is, as its header tells: a checkpoint, an erasure, a LoRA, or something else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from ..reporting.description import describe_erasure
from ..sharing.erasure_file import FORMAT, load_erasure
from ..storage.checksum import has_checksum
from ..storage.header import is_erased, list_earlier, unfold
from ..storage.tensor_file import TensorFile
from .checkpoint import DIFFUSION_MODEL, Checkpoint, open_checkpoint, open_model
from .copies import DROP, LORA_ENDINGS
from .stored_encoders import find_encoders

CHECKPOINT, MODEL, ERASURE, LORA, OTHER = "checkpoint", "diffusion model", "erasure", "LoRA", "other"
ORIGIN = {"erased": "erased", "how": "how", "made on": "made_on", "made by": "made_by"}  # keys in headers


@dataclass(frozen=True)
class FileKind:
    """What a file is, in short lines of text by name; `report` is what an erasure tells of itself."""

    kind: str
    facts: Mapping[str, str]
    report: str = ""

    def describe(self) -> str:
        """All of it, a line each."""
        facts = {"kind": self.kind, **self.facts}
        width = max(map(len, facts)) + 2
        lines = [name.ljust(width) + text.replace("\n", "\n" + " " * width) for name, text in facts.items()]
        return "\n".join([*lines, *(["", self.report] if self.report else [])])


def identify_file(path: Path) -> FileKind:
    """What the file at `path` is. Raises OSError where it can't be read, ValueError where it is no safetensors file."""
    file = open_model(path)
    facts = _count(file)
    if file.metadata.get("format") == FORMAT:
        return FileKind(ERASURE, facts | _tell_origin(file), describe_erasure(load_erasure(path)))
    inside = any(name.startswith(DIFFUSION_MODEL) for name in file.tensors)
    if not inside and any(name.endswith(LORA_ENDINGS) for name in file.tensors):
        return FileKind(LORA, facts | _tell_origin(file))
    try:
        checkpoint = open_checkpoint(path)
    except ValueError as error:
        return FileKind(OTHER, facts | {"why": str(error).removeprefix(f"{path.name}: ")} | _tell_origin(file))
    family = checkpoint.model.family
    facts["family"] = family.name
    facts["text entries"] = ", ".join(
        f"{len(entries)} read {cond_input} of width {entries[0].shape[1]}"
        for cond_input, entries in checkpoint.model.cond_inputs.items()
    )
    facts |= _tell_copies(checkpoint)
    try:
        encoders = find_encoders(file, family.name)
    except ValueError:
        return FileKind(MODEL, facts | {"text encoder": "none inside that the command line reads"} | _tell_origin(file))
    facts["text encoder"] = ", ".join(f"{each.prefix}… of {each.layers} layers" for each in encoders)
    return FileKind(CHECKPOINT, facts | _tell_origin(file))


def _tell_copies(checkpoint: Checkpoint) -> dict[str, str]:
    """What else in the file repeats its text entries, a line each, where anything does."""
    entries = {entry.name for entry in checkpoint.model.family.entries}
    known = [
        f"{prefix or 'no prefix'}…: {len(entries & set(names))} text entries, erased alike"
        for prefix, names in checkpoint.copies.known.items()
    ]
    unclear = [f"{name} {why}; only --copies {DROP}" for name, why in checkpoint.copies.unclear.items()]
    return {"copies": "\n".join([*known, *unclear])} if known or unclear else {}


def _count(file: TensorFile) -> dict[str, str]:
    numbers: Counter[str] = Counter()
    for stored in file.tensors.values():
        numbers[stored.dtype] += prod(stored.shape)
    stored_as = ", ".join(f"{dtype} {count:,}" for dtype, count in numbers.most_common())
    told = {"tensors": f"{len(file.tensors)}", "numbers": stored_as or "none"}
    if file.path.is_dir():
        return told
    return {**told, "checksum": "in the header; verify compares it" if has_checksum(file.path) else "none"}


def _tell_origin(file: TensorFile) -> dict[str, str]:
    """What the header says of erasures, in the words that were written into it."""
    metadata = unfold(file.metadata)
    if not is_erased(metadata):
        return {"erased": "nothing, as far as its header says"}
    earlier = "; then ".join(each.get("erased", "?") for each in list_earlier(metadata))
    told = {name: metadata.get(key, "?") for name, key in ORIGIN.items()}
    return told | ({"erased before": earlier} if earlier else {})
