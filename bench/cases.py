"""What is measured: random weights in the shapes of real models, and text embeddings that look like CLIP's."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from rece_core.erasing.erase import EncodedConcepts
from rece_core.erasing.settings import EraseSettings
from rece_core.models.weights import Weight
from rece_core.texts.alignment import EncodedText, align

from .literal import LiteralTask

PROMPT_TOKENS = 77
SETTINGS = EraseSettings()  # the paper's for nudity: one edit and 3 epochs


@dataclass(frozen=True)
class Case:
    """The cross-attention of a model: the width d of its text embedding and the d_out of each of its blocks.

    literal_share: the part of the blocks, in equal proportions, on which the literal procedure is timed.
    """

    title: str
    width: int
    blocks: tuple[int, ...]
    literal_share: Fraction = Fraction(1)

    def sample(self, share: Fraction) -> Case:
        """The same model with `share` of its blocks of every size."""
        blocks = [size for size in sorted(set(self.blocks)) for _ in range(int(self.blocks.count(size) * share))]
        return Case(self.title, self.width, tuple(blocks), self.literal_share)


CASES = {
    "sd14": Case("Stable Diffusion 1.4", 768, (320,) * 5 + (640,) * 5 + (1280,) * 6),
    "sdxl": Case("Stable Diffusion XL", 2048, (640,) * 10 + (1280,) * 60, Fraction(1, 10)),
    "warm-up": Case("warm-up", 64, (32,)),
}


def make_weights(case: Case, dtype: torch.dtype = torch.float32) -> list[Weight]:
    """Key and value projections of every block, of a size that keeps a unit token's outputs of order 1."""
    generator = torch.Generator().manual_seed(0)
    weights = []
    for number, rows in enumerate(case.blocks):
        for letter, role in (("k", "key"), ("v", "value")):
            matrix = torch.randn(rows, case.width, generator=generator).mul_(case.width**-0.5)
            weights.append(Weight(f"block{number}.attn2.to_{letter}.weight", role, matrix.to(dtype)))
    return weights


def make_texts(width: int) -> EncodedConcepts:
    """One concept onto one space; the empty text is kept in the first edit, one space in the epochs.

    As with CLIP, all texts share their first token, and numbers have a mean square of 1.
    """
    generator = torch.Generator().manual_seed(1)
    first = torch.randn(1, width, generator=generator)

    def encode(text: str) -> EncodedText:
        tokens = torch.cat([first, torch.randn(PROMPT_TOKENS - 1, width, generator=generator)])
        return EncodedText(text, tokens, last_word=1 if text.strip() else 0)

    concept, space, empty = encode("nudity"), encode(" "), encode("")
    return EncodedConcepts((concept,), (space,), preserved=(empty,), preserved_in_epochs=(space,))


def make_literal_task(texts: EncodedConcepts, like: Tensor) -> LiteralTask:
    """The same texts and settings for the literal procedure, in the dtype and on the device of `like`."""

    def cast(*tokens: Tensor) -> tuple[Tensor, ...]:
        return tuple(matrix.to(like) for matrix in tokens)

    edit = SETTINGS.edit
    both = list(zip(texts.targets, texts.anchors, strict=True))
    return LiteralTask(
        pairs=[cast(*align(concept, anchor, edit.tokens)) for concept, anchor in both],  # type: ignore[misc]
        whole=[cast(concept.tokens, anchor.tokens) for concept, anchor in both],  # type: ignore[misc]
        preserved=cast(*(text.tokens for text in texts.preserved)),
        preserved_in_epochs=cast(*(text.tokens for text in texts.preserved_in_epochs or ())),
        erase_scale=edit.erase_scale,
        preserve_scale=edit.preserve_scale,
        ridge=edit.ridge,
        derivation_ridge=SETTINGS.derivation_ridge,
        epochs=SETTINGS.epochs,
    )
