"""The command line on a file of every family, in the host's own Python: erased, given c, it is the original given M c.

    PYTHON_OF_THE_HOST erase_files.py FOLDER_OF_THE_HOST FILE ENCODERS

Writes what it found of every case of `cases` to FILE as JSON. ENCODERS is a folder with the text encoders of a
checkpoint for each family that has some, `FAMILY.safetensors`; other families get those of SD 1.x.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import logging
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import torch
from cases import CASES
from run_model import PREFIX, ROOT, build, forward, relative
from safetensors.torch import load_file, save_file
from torch import nn
from turn_texts import turn

TARGET, ANCHOR = "a cat", "a dog"
OPTIONS = ("--schedule", "manual", "--epochs", "0", "--mode", "paper", "--seal", "0", "--edit-ridge", "0.1")


def main(host: str, file: str, encoders: str) -> None:
    sys.path[:0] = [host]
    sys.path.append(str(ROOT))  # behind the host, whose `nodes` and ours have the same name
    import comfy.cli_args

    comfy.cli_args.args.cpu = True  # before anything else of the host asks for a device

    import comfyui_version

    logging.disable(logging.ERROR)
    torch.set_num_threads(1)
    found = {name: _erase_safely(case, Path(host), Path(encoders)) for name, case in CASES.items()}
    Path(file).write_text(json.dumps({"host": comfyui_version.__version__, "cases": found}, indent=1), "utf-8")


def _erase_safely(case: Any, host: Path, encoders: Path) -> dict[str, Any]:
    """One case's findings, or why there are none, so that one broken family does not hide the others."""
    import comfy.supported_models

    if not hasattr(comfy.supported_models, case.model) or importlib.util.find_spec(case.needs) is None:
        return {"missing": "this host does not have the family"}
    try:
        with torch.inference_mode(), tempfile.TemporaryDirectory() as folder:
            return erase(case, Path(folder), host, encoders)
    except Exception:
        return {"error": traceback.format_exc()}


def erase(case: Any, folder: Path, host: Path, encoders: Path) -> dict[str, Any]:
    """Save a random model of `case` with text encoders, erase from the file, and compare its forward passes."""
    from rece_core.command_line.main import run
    from rece_core.sharing.erasure_file import load_erasure

    model, words = build(case), host / "comfy" / "sd1_tokenizer"
    before, after, saved = (folder / f"{name}.safetensors" for name in ("before", "after", "erasure"))
    own = encoders / f"{case.family}.safetensors"
    weights = {f"model.{PREFIX}{name}": weight for name, weight in model.diffusion_model.state_dict().items()}
    save_file(weights | load_file(own if own.exists() else encoders / "SD 1.x.safetensors"), before)
    command = ["erase", before, after, "--target", f"{TARGET} => {ANCHOR}", "--save-erasure", saved, *OPTIONS]
    told = io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
        code = run([*map(str, command), "--tokenizer", str(words)])
    if code:
        return {"refused": told.getvalue().strip()}

    operators = {
        cond_input: (part.operator.left.float(), part.operator.right.float())
        for cond_input, part in load_erasure(saved).parts.items()
    }
    texts = encode(before, words)
    original = forward(model, case, texts)
    turned = forward(model, case, {cond_input: turn(text, operators[cond_input]) for cond_input, text in texts.items()})
    changed = load_weights(model, before, after)
    return {
        "difference": relative(forward(model, case, texts), turned),
        "moved": relative(turned, original),
        "streams": sorted(operators),
        "changed": changed,
    }


def encode(file: Path, words: Path) -> dict[str, torch.Tensor]:
    """The target in every conditioning input, by the text encoders in `file`."""
    from rece_core.checkpoints.checkpoint import open_checkpoint
    from rece_core.checkpoints.clip_texts import CheckpointTexts
    from rece_core.checkpoints.stored_encoders import find_encoders
    from rece_core.checkpoints.tokenizer_files import load_tokenizer

    checkpoint = open_checkpoint(file)
    encoders = find_encoders(checkpoint.file, checkpoint.model.family.name)
    given = CheckpointTexts(checkpoint.file, encoders, load_tokenizer(words))(TARGET)
    return {cond_input: text.tokens for cond_input, text in given.items()}


def load_weights(model: nn.Module, before: Path, after: Path) -> list[str]:
    """Give `model` the weights of the file `after`; returns the names of all that differ from those in `before`."""
    old, new = load_file(before), load_file(after)
    start = f"model.{PREFIX}"
    own = {name.removeprefix(start): weight for name, weight in new.items() if name.startswith(start)}
    model.diffusion_model.load_state_dict(own)
    return sorted(name.removeprefix("model.") for name in old if not torch.equal(old[name], new[name]))


if __name__ == "__main__":
    main(*sys.argv[1:])
