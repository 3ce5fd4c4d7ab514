"""`apply`: write a copy of a checkpoint with an erasure from a file applied."""

from __future__ import annotations

from argparse import Namespace

from ..checkpoints.checkpoint import Checkpoint, open_checkpoint
from ..checkpoints.clip_texts import CheckpointTexts
from ..checkpoints.stored_encoders import find_encoders, lacks_encoders
from ..checkpoints.tokenizer_files import load_tokenizer
from ..erasing.erasure import Erasure, check_fit, describe_fit
from ..erasing.pipeline import FINGERPRINT_TEXT
from ..models.fingerprint import fingerprint, fingerprint_inputs
from ..models.weights import accumulate_gram
from ..sharing.erasure_file import load_erasure
from .files import check_files, finish


def run(options: Namespace) -> str:
    """The report. Raises ValueError and OSError for what a user can fix."""
    if not 0 <= options.strength <= 1:
        raise ValueError(f"strength is {options.strength}; expected 0 to 1.")
    erasure, checkpoint = load_erasure(options.erasure), open_checkpoint(options.input)
    check_fit(erasure, checkpoint.model)
    check_files(options, checkpoint)
    notes = [_check_encoder(options, checkpoint, erasure)]
    model = checkpoint.model
    bases = {
        cond_input: accumulate_gram(model.read(model.cond_inputs[cond_input], _ignore)) for cond_input in erasure.parts
    }
    notes.append(
        describe_fit(erasure, model, {cond_input: fingerprint(gram.total) for cond_input, gram in bases.items()})
    )
    return finish(options, checkpoint, erasure, options.strength, "\n".join(filter(None, notes)))


def _check_encoder(options: Namespace, checkpoint: Checkpoint, erasure: Erasure) -> str:
    """What is to be said of the text encoder; ValueError where it is another than the erasure was made for."""
    file, family = checkpoint.file, checkpoint.model.family.name
    if lacks_encoders(file, family):
        return (
            f"there is no text encoder in {file.path.name} that is read here, so it was not checked: the erasure is "
            "right for prompts of the text encoder that it was made with."
        )
    tokenizer = load_tokenizer(options.tokenizer or checkpoint.words)
    encode = CheckpointTexts(file, find_encoders(file, family), tokenizer)
    return erasure.check_encoder(fingerprint_inputs(encode(FINGERPRINT_TEXT)))


def _ignore(step: str) -> None:
    """Reading a file's text entries takes no time worth a progress bar."""
