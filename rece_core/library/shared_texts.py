"""What the text encoder of many checkpoints gives for one recipe: computed once, and handed to all that have it.

Operators are not in it: RECE derives embeddings from a model's own weights, so the operator is another for each model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from ..checkpoints.checkpoint import Checkpoint, open_checkpoint
from ..checkpoints.clip_texts import CheckpointTexts
from ..checkpoints.recipe import Recipe, plan_recipe
from ..checkpoints.stored_encoders import find_encoders
from ..checkpoints.tokenizer_files import load_tokenizer
from ..models.text_model import CondInputs
from ..storage.tensor_file import TensorFile
from ..texts.anchors import Describe, describe_words
from ..texts.prior import Prior, accumulate_priors

CHUNK = 1 << 22  # bytes hashed at a time


@dataclass
class SharedTexts:
    """What a recipe asks of a text encoder: `texts` as they are encoded, the prior of each conditioning input, and
    `words`, what anchors are chosen from. Called as the encoder is."""

    texts: dict[str, CondInputs] = field(default_factory=dict)
    priors: dict[str, Prior] = field(default_factory=dict)
    words: Tensor | None = None

    def expect(self, texts: Sequence[str]) -> None:
        """Nothing is left to encode."""

    def __call__(self, text: str) -> CondInputs:
        return self.texts[text]

    def describe(self, find: Describe, words: Sequence[str]) -> Tensor:
        """What anchors are chosen from, see `plan_recipe`."""
        return describe_words(find, words) if self.words is None else self.words

    def make_priors(self, *_: object) -> Mapping[str, Prior]:
        """The priors, for `erase_concepts`."""
        return self.priors


class _Recorder:
    """A text encoder that keeps what it was asked, while `keeps` says so."""

    def __init__(self, texts: CheckpointTexts) -> None:
        self.shared, self.keeps, self._texts = SharedTexts(), True, texts
        self.expect = texts.expect

    def __call__(self, text: str) -> CondInputs:
        found = self._texts(text)
        if self.keeps:
            self.shared.texts[text] = found
        return found

    def describe(self, find: Describe, words: Sequence[str]) -> Tensor:
        """The words that anchors are chosen from are many: what is told of them is kept, not they themselves."""
        self.keeps = False
        self.shared.words = describe_words(find, words)
        self.keeps = True
        return self.shared.words


def open_texts(checkpoint: Checkpoint, tokenizer: Path | None) -> CheckpointTexts:
    """The text encoders inside `checkpoint`."""
    encoders = find_encoders(checkpoint.file, checkpoint.model.family.name)
    return CheckpointTexts(checkpoint.file, encoders, load_tokenizer(tokenizer))


def share_texts(path: Path, recipe: Recipe, tokenizer: Path | None) -> SharedTexts:
    """What `recipe` asks of the text encoder in the checkpoint at `path`, to the bit as `erase` would have it.

    The texts are encoded in the order and in the batches in which `erase` encodes them.
    """
    checkpoint = open_checkpoint(path)
    recorder = _Recorder(open_texts(checkpoint, tokenizer))
    plan = plan_recipe(checkpoint, recorder, recipe, recorder.describe)
    for word in plan.texts.words:
        plan.prepare_inputs(word)
    recorder.keeps = False
    if plan.captions:
        recorder.shared.priors = accumulate_priors(plan.prepare_inputs, plan.captions)
    return recorder.shared


def hash_encoders(file: TensorFile, family: str) -> str:
    """A hash of the text encoders' bytes, with names, types and shapes, and of the family that reads them."""
    encoders = find_encoders(file, family)
    names = sorted({part.name for encoder in encoders for part in encoder.parts.values()})
    digest = hashlib.sha256(family.encode())
    with open(file.path, "rb") as stream:
        for name in names:
            stored = file.tensors[name]
            digest.update(f"\0{name}\0{stored.dtype}\0{stored.shape}\0".encode())
            stream.seek(stored.start)
            hash_bytes(stream.read, stored.stop - stored.start, digest.update)
    return digest.hexdigest()


def hash_bytes(read: Callable[[int], bytes], count: int, update: Callable[[bytes], None]) -> None:
    """Hand `count` bytes that `read` gives to `update`, a piece at a time."""
    while count > 0 and (piece := read(min(count, CHUNK))):
        update(piece)
        count -= len(piece)
