"""What the commands that write checkpoints share: checks before the long work, writing, and the report."""

from __future__ import annotations

import json
import math
from argparse import Namespace
from pathlib import Path
from typing import Any

from ..checkpoints.checkpoint import Checkpoint
from ..checkpoints.checkpoint_writer import Written, write_erased
from ..erasing.erasure import Erasure
from ..reporting.description import describe_erasure
from ..sharing.erasure_file import save_erasure
from ..sharing.provenance import describe_provenance
from ..storage.atomic_file import find_target
from ..storage.disk_space import require_space
from .progress import count_bytes


def check_files(options: Namespace, checkpoint: Checkpoint, *others: Path | None) -> None:
    """ValueError where OUT, or another file to write, is in the way of something, or OUT is missing or too large.

    And where the file holds copies of weights that cannot be erased alike.
    """
    checkpoint.copies.check(checkpoint.file, options.copies)
    if options.output is None and not options.dry_run:
        raise ValueError("OUT is missing: say what file to write, or --dry-run to write none.")
    folder = options.output if options.input.is_dir() else None
    if folder is not None:
        _check_new_folder(folder, options)
    for path in (*([] if folder else [options.output]), *others):
        if path is not None:
            _check_new(path, options)
    if options.output is not None and not options.dry_run:
        require_space(find_target(options.output).parent, checkpoint.size)


def finish(options: Namespace, checkpoint: Checkpoint, erasure: Erasure, strength: float = 1.0, note: str = "") -> str:
    """Write what was asked for and say what was done, as text or as JSON, with a `note` where there is one."""
    path = None if options.dry_run else options.output
    with count_bytes(checkpoint.size) as bar:
        written = write_erased(checkpoint, erasure, path, strength, bar.update, options.copies)
    if options.json:
        told = {**_summarize(options, path, erasure, strength, written), "note": note}
        return json.dumps(told, ensure_ascii=False, indent=2)
    notes = [note] if note else []
    return "\n".join([describe_erasure(erasure), "", *notes, *_describe(path, strength, written)])


def finish_erase(options: Namespace, checkpoint: Checkpoint, erasure: Erasure) -> str:
    """The same where the erasure is new, and may be asked for as a file of its own, which is written last."""
    report = finish(options, checkpoint, erasure)
    if options.save_erasure and not options.dry_run:
        save_erasure(erasure, options.save_erasure)
    return report


def _check_new(path: Path, options: Namespace) -> None:
    if path.suffix.lower() != ".safetensors":
        raise ValueError(f"{path} is to be written as .safetensors; expected a name that ends so.")
    if path.exists() and path.samefile(options.input):
        raise ValueError(f"{path} is the file that is read. Write to another name: the original is worth keeping.")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; expected the name of a file to write.")
    if path.exists() and not options.overwrite:
        raise ValueError(f"{path} is there already. Choose another name, or replace it by --overwrite.")


def _check_new_folder(path: Path, options: Namespace) -> None:
    if path.exists():
        raise ValueError(f"{path} is there already, and a folder is never replaced. Choose another name.")
    if path.absolute().resolve().is_relative_to(options.input.resolve()):
        raise ValueError(f"{path} is inside the folder that is read. Choose a place outside of it.")


def _describe(path: Path | None, strength: float, written: Written) -> list[str]:
    part = "" if strength == 1 else f" at strength {strength:g}"
    return [
        f"{len(written.names)} weights changed{part}, {written.share:.1%} of the diffusion model's parameters; storing "
        f"them rounds off {written.rounding:.2%} of the change.",
        *([f"{len(written.copies)} copies of them in the file were erased alike."] if written.copies else []),
        *([f"{len(written.left_out)} tensors that copy weights were left out."] if written.left_out else []),
        "Nothing was written: this was a dry run." if path is None else f"Written to {path}.",
    ]


def _summarize(
    options: Namespace, path: Path | None, erasure: Erasure, strength: float, written: Written
) -> dict[str, Any]:
    told = describe_provenance(erasure)
    return {
        "input": str(options.input),
        "output": None if path is None else str(path),
        "family": erasure.family,
        "erased": told["erased"],
        "strength": strength,
        "streams": json.loads(told["parts"]),
        "left_alone": dict(erasure.left_alone),
        "weights_changed": list(written.names),
        "copies_changed": list(written.copies),
        "copies_left_out": list(written.left_out),
        "share_of_parameters": written.share,
        "rounding": written.rounding if math.isfinite(written.rounding) else None,
    }
