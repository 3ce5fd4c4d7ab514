"""Checkpoints as the host saves them, with more in their header."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import folder_paths
from comfy_extras.nodes_model_merging import save_checkpoint
from safetensors import SafetensorError

from ..rece_core.storage.atomic_file import place_new
from ..rece_core.storage.checksum import PLACEHOLDER, fill_checksum_in
from ..rece_core.storage.disk_space import require_space
from ..rece_core.storage.header import FOLDED
from ..rece_core.storage.partial import open_partial


def write_checkpoint(
    model: Any, clip: Any, vae: Any, prefix: str, provenance: Mapping[str, str], prompt: Any, extra: Mapping[str, Any]
) -> str:
    """Save as the host's own Save Checkpoint does, and return the file's name in the output folder.

    The header gets `provenance` beside what the host puts there: `prompt`, and the workflow in `extra`; unless the host
    was started with --disable-metadata. Raises ValueError, with nothing left, where the disk is too small.

    The host writes into a folder of its own beside where the file goes, so that there is the whole file or none; its
    number is one that no file has.
    """
    output = folder_paths.get_output_directory()

    def ask() -> tuple[Path, str, int]:
        folder, name, counter, *_ = folder_paths.get_save_image_path(prefix, output)
        return Path(folder) / f"{name}_{counter:05}_.safetensors", name, counter

    path, name, counter = ask()
    require_space(path.parent, _measure(model.model_state_dict(), clip.get_sd(), vae.get_sd()))
    added = {FOLDED: {name: _read(text) for name, text in provenance.items()}, **PLACEHOLDER}
    with open_partial(path, is_folder=True) as folder:
        (folder / f"{name}_{counter - 1:05}_").touch()  # so that the host counts on from there, also in the title
        try:
            save_checkpoint(model, clip, vae, None, name, str(folder), prompt, {**extra, **added})
        except SafetensorError as error:
            raise ValueError(
                f"the checkpoint could not be written into {path.parent.name} ({error}). Nothing was left there: free "
                "some space, or save to another folder."
            ) from error
        fill_checksum_in(folder / path.name)
        path = place_new(folder / path.name, lambda: ask()[0], path)
    return os.path.relpath(path, output)


def _measure(*parts: Mapping[str, Any]) -> int:
    """Bytes of all tensors."""
    return sum(tensor.nbytes for part in parts for tensor in part.values())


def _read(text: str) -> Any:
    """What a text that is JSON stands for; the host turns all of it into JSON again."""
    try:
        return json.loads(text)
    except ValueError:
        return text
