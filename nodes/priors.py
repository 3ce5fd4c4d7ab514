"""The preserve prior of a text encoder: made once from everyday captions, then kept on disk."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import folder_paths

from ..rece_core.erasing.pipeline import FINGERPRINT_TEXT
from ..rece_core.models.fingerprint import fingerprint
from ..rece_core.models.text_model import OnStep, PreparedInputs
from ..rece_core.texts.alignment import EncodedText
from ..rece_core.texts.prior import Prior, accumulate_priors
from ..rece_core.texts.prior_file import read_prior, write_prior

FOLDER = "rece_priors"  # below the host's user folder


def make_priors(prepare: Callable[[str], PreparedInputs], captions: Sequence[str], on_step: OnStep) -> dict[str, Prior]:
    """The prior of each conditioning input, given what `prepare` makes of a text; from disk where that is known.

    `on_step` is called per caption.
    """
    prepared = prepare(FINGERPRINT_TEXT)
    paths = {cond_input: _cache_path(cond_input, texts, captions) for cond_input, texts in prepared.items()}
    widths = {cond_input: texts[0].tokens.shape[1] for cond_input, texts in prepared.items()}
    cached = {
        cond_input: prior
        for cond_input, path in paths.items()
        if (prior := _load(path, widths[cond_input])) is not None
    }
    if len(cached) == len(paths):
        for _ in captions:
            on_step("read the prior")
        return cached
    priors = accumulate_priors(prepare, captions, on_step)
    try:
        for cond_input, prior in priors.items():
            write_prior(prior, paths[cond_input])
    except (OSError, ValueError) as error:  # also a full disk: the erasure goes on without
        logging.getLogger(__name__).warning("the preserve prior could not be kept in %s: %s", FOLDER, error)
    return priors


def _cache_path(cond_input: str, texts: Sequence[EncodedText], captions: Sequence[str]) -> Path:
    key = repr((cond_input, [fingerprint(text.tokens) for text in texts], tuple(captions)))
    return Path(folder_paths.get_user_directory()) / FOLDER / f"{hashlib.sha256(key.encode()).hexdigest()}.safetensors"


def _load(path: Path, width: int) -> Prior | None:
    if not path.is_file():
        return None
    try:
        return read_prior(path, width)
    except (ValueError, OSError):  # damaged: make it again
        return None
