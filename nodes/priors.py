"""What is kept of a text encoder on disk: its preserve prior, and what it makes of the words that may be anchors."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import folder_paths
from torch import Tensor

from ..rece_core.erasing.pipeline import FINGERPRINT_TEXT
from ..rece_core.models.fingerprint import fingerprint
from ..rece_core.models.text_model import PreparedInputs
from ..rece_core.progress import OnStep, Progress
from ..rece_core.texts.anchors import Describe, describe_words
from ..rece_core.texts.prior import Prior, accumulate_priors
from ..rece_core.texts.prior_file import read_prior, read_words, write_prior, write_words

FOLDER = "rece_priors"  # below the host's user folder

Kept = TypeVar("Kept")


def make_priors(prepare: Callable[[str], PreparedInputs], captions: Sequence[str], on_step: OnStep) -> dict[str, Prior]:
    """The prior of each conditioning input, given what `prepare` makes of a text; from disk where that is known.

    `on_step` is called per caption, or once where nothing is encoded.
    """
    prepared = prepare(FINGERPRINT_TEXT)
    paths = {
        cond_input: _find_path(cond_input, [fingerprint(text.tokens) for text in texts], tuple(captions))
        for cond_input, texts in prepared.items()
    }
    widths = {cond_input: texts[0].tokens.shape[1] for cond_input, texts in prepared.items()}
    cached = {
        cond_input: prior
        for cond_input, path in paths.items()
        if (prior := _load(path, partial(read_prior, width=widths[cond_input]))) is not None
    }
    if len(cached) == len(paths):
        on_step("read the prior")
        return cached
    priors = accumulate_priors(prepare, captions, on_step)
    for cond_input, prior in priors.items():
        _keep(write_prior, prior, paths[cond_input])
    return priors


def make_words(progress: Progress, describe: Describe, words: Sequence[str]) -> Tensor:
    """What `describe` makes of `words`, (words, d), see `describe_words`; from disk where that is known.

    Each word is a step of `progress`.
    """
    known = describe(FINGERPRINT_TEXT)
    path = _find_path("anchors", [fingerprint(known[None])], tuple(words))
    kept = _load(path, partial(read_words, shape=(len(words), len(known))))
    if kept is not None:
        return kept
    on_step = progress.count(len(words))

    def describe_next(word: str) -> Tensor:
        on_step(f"encode '{word}'")
        return describe(word)

    described = describe_words(describe_next, words)
    _keep(write_words, described, path)
    return described


def _find_path(*of: object) -> Path:
    return (
        Path(folder_paths.get_user_directory())
        / FOLDER
        / f"{hashlib.sha256(repr(of).encode()).hexdigest()}.safetensors"
    )


def _load(path: Path, read: Callable[[Path], Kept]) -> Kept | None:
    if not path.is_file():
        return None
    try:
        return read(path)
    except (ValueError, OSError):  # damaged: make it again
        return None


def _keep(write: Callable[[Kept, Path], None], value: Kept, path: Path) -> None:
    try:
        write(value, path)
    except (OSError, ValueError) as error:  # also a full disk: the erasure goes on without
        logging.getLogger(__name__).warning(
            "what is known of the text encoder could not be kept in %s: %s", FOLDER, error
        )
