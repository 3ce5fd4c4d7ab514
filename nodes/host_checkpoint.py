"""Checkpoints as the host saves them, with more in their header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import folder_paths
from comfy_extras.nodes_model_merging import save_checkpoint

from ..rece_core.storage.disk_space import require_space
from ..rece_core.storage.header import FOLDED


def write_checkpoint(
    model: Any, clip: Any, vae: Any, prefix: str, provenance: Mapping[str, str], prompt: Any, extra: Mapping[str, Any]
) -> str:
    """Save as the host's own Save Checkpoint does, and return the file's name in the output folder.

    The header gets `provenance` beside what the host puts there: `prompt`, and the workflow in `extra`; unless the host
    was started with --disable-metadata. Raises ValueError, with nothing written, where the disk is too small.
    """
    output = folder_paths.get_output_directory()
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(prefix, output)
    require_space(Path(folder), _measure(model.model_state_dict(), clip.get_sd(), vae.get_sd()))
    added = {FOLDED: {name: _read(text) for name, text in provenance.items()}}
    save_checkpoint(model, clip, vae, None, prefix, output, prompt, {**extra, **added})
    return str(Path(subfolder) / f"{name}_{counter:05}_.safetensors")


def _measure(*parts: Mapping[str, Any]) -> int:
    """Bytes of all tensors."""
    return sum(tensor.nbytes for part in parts for tensor in part.values())


def _read(text: str) -> Any:
    """What a text that is JSON stands for; the host turns all of it into JSON again."""
    try:
        return json.loads(text)
    except ValueError:
        return text
