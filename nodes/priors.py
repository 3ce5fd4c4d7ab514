"""The preserve prior of a text encoder: made once from everyday captions, then kept on disk."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import folder_paths
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from ..rece_core.concepts import Concepts, drop_named
from ..rece_core.erasure_file import write_atomically
from ..rece_core.prior import Prior, accumulate_prior, read_captions
from .host_texts import encode_text, fingerprint_encoder

FOLDER = "rece_priors"  # below the host's user folder


def choose_captions(concepts: Concepts) -> tuple[str, ...]:
    """The captions for the prior beside `concepts`: theirs, or those that ship; without those that name a target."""
    captions = drop_named(concepts.captions or read_captions(), concepts.concepts)
    if not captions:
        raise ValueError(
            f"every one of the {len(concepts.captions)} captions for the prior names a target, so nothing is left to "
            "keep. Add captions about other things."
        )
    return captions


def make_prior(clip: Any, captions: Sequence[str], on_step: Callable[[str], None]) -> Prior:
    """The prior of `captions` under `clip`, from disk where it was made before; `on_step` is called per caption."""
    path = _cache_path(clip, captions)
    cached = _load(path)
    if cached is not None:
        for _ in captions:
            on_step("read the prior")
        return cached
    prior = accumulate_prior(encode_text(clip, caption, on_step) for caption in captions)
    try:
        write_atomically(path, save({"moment": prior.moment, "mean": prior.mean}))
    except OSError as error:
        logging.getLogger(__name__).warning("the preserve prior could not be kept in %s: %s", path, error)
    return prior


def _cache_path(clip: Any, captions: Sequence[str]) -> Path:
    key = repr((fingerprint_encoder(clip), tuple(captions)))
    return Path(folder_paths.get_user_directory()) / FOLDER / f"{hashlib.sha256(key.encode()).hexdigest()}.safetensors"


def _load(path: Path) -> Prior | None:
    if not path.is_file():
        return None
    try:
        tensors = load_file(path)
        return Prior(tensors["moment"], tensors["mean"])
    except (SafetensorError, KeyError, OSError):  # damaged: make it again
        return None
