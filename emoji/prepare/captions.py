"""Writes training's captions: made-up texts for the pictures as ids of CLIP's tokenizer, with what each says."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..captions import KINDS, draw_caption
from ..text_network import END, START
from ..world import BACKGROUNDS, STYLES, Concept

COUNT = 240_000
LENGTH = 30
_SEED = 7
#: Every picture has at least so many captions.
_EACH = 10


class WordTokenizer:
    """The host's tokenizer, word by word with a memory: CLIP's merges never cross spaces, and words are few."""

    def __init__(self) -> None:
        from comfy.sd1_clip import SDTokenizer

        self._tokenizer = SDTokenizer()
        self._known: dict[str, list[int]] = {}

    def __call__(self, text: str) -> list[int]:
        """Token ids of a text, without start and end."""
        return [token for word in text.replace(",", " ,").split() for token in self._read(word)]

    def _read(self, word: str) -> list[int]:
        if word not in self._known:
            row = [int(token) for token, *_ in self._tokenizer.tokenize_with_weights(word)[0]]
            self._known[word] = row[1 : row.index(END)]
        return self._known[word]


def write_captions(
    concepts: Sequence[Concept], shown: Sequence[int], styles: Sequence[int], path: Path, count: int = COUNT
) -> None:
    """Store captions of pictures for `training.data.load_captions`; `shown` (n,) their concepts, `styles` (n,)."""
    rng, tokenize, names = random.Random(_SEED), WordTokenizer(), list(STYLES)
    places = {background: place for place, background in enumerate(BACKGROUNDS)}
    tokens = np.full((count, LENGTH), END, np.uint16)
    columns: dict[str, np.ndarray] = {
        "i": np.zeros(count, np.int16),
        **{name: np.zeros(count, np.int8) for name in ("b", "k", "named")},
    }
    for row in range(count):
        picture = row % len(shown) if row < _EACH * len(shown) else rng.randrange(len(shown))
        caption = draw_caption(concepts[shown[picture]], names[styles[picture]], rng)
        words = tokenize(caption.text)[: LENGTH - 2]
        tokens[row, 0], tokens[row, 1 : 1 + len(words)] = START, words
        said = picture, places[caption.background], KINDS.index(caption.kind), caption.style_named
        for column, value in zip(columns.values(), said, strict=True):
            column[row] = value
    vocabulary = sorted(frozenset[str]().union(*(concept.words for concept in concepts)))
    has = np.array([[word in concept.words for word in vocabulary] for concept in concepts], np.uint8)
    np.savez_compressed(
        path,
        t=tokens,
        i=columns["i"],
        b=columns["b"],
        k=columns["k"],
        named=columns["named"],
        tags=np.packbits(has, axis=1),
        nvocab=len(vocabulary),
        used=np.unique(tokens).astype(np.int32),
        bgs=np.array(list(BACKGROUNDS.values()), np.uint8),
    )
