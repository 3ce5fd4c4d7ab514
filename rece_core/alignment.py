"""Encoded texts, and which token rows of a concept face which rows of its anchor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class EncodedText:
    """A text as the model reads it.

    tokens: (n, d) text embedding, any float dtype and device. last_word: index of the row of the text's last word
    token; 0, the start token, for a text without words.
    """

    text: str
    tokens: Tensor
    last_word: int

    def __post_init__(self) -> None:
        if self.tokens.ndim != 2:
            raise ValueError(
                f"the embedding of {self.text!r} has shape {tuple(self.tokens.shape)}; expected (tokens, width)."
            )
        if not 0 <= self.last_word < len(self.tokens):
            raise ValueError(
                f"the last word of {self.text!r} is said to be row {self.last_word}, "
                f"but its embedding has rows 0 to {len(self.tokens) - 1}."
            )
        if not torch.isfinite(self.tokens).all():
            raise ValueError(
                f"the embedding of {self.text!r} holds NaN or infinite numbers, so the text encoder is broken or "
                "overflows. Load another text encoder, or run it in a wider type (fp32)."
            )


def align(concept: EncodedText, anchor: EncodedText, tokens: str) -> tuple[Tensor, Tensor]:
    """Rows of `concept` and the rows of `anchor` that they shall act like; both (m, d).

    `from subject` (UCE, RECE): from the last word token on, in order, both sides cut to the length of the shorter.
    `all`: position by position. `last`: the last word token alone.
    Raises ValueError when widths or, for `all`, lengths differ.
    """
    source, goal = concept.tokens, anchor.tokens
    if source.shape[1] != goal.shape[1]:
        raise ValueError(
            f"{concept.text!r} has embeddings of width {source.shape[1]} and its anchor {anchor.text!r} of width "
            f"{goal.shape[1]}. Encode both with the same text encoder."
        )
    if tokens == "last":
        return source[concept.last_word, None], goal[anchor.last_word, None]
    if tokens == "all":
        if len(source) != len(goal):
            raise ValueError(
                f"{concept.text!r} has {len(source)} tokens and its anchor {anchor.text!r} {len(goal)}, so they "
                "cannot be aligned position by position. Choose tokens 'from subject'."
            )
        return source, goal
    length = min(len(source) - concept.last_word, len(goal) - anchor.last_word)
    return (
        source[concept.last_word : concept.last_word + length],
        goal[anchor.last_word : anchor.last_word + length],
    )


def average_texts(texts: Sequence[EncodedText]) -> EncodedText:
    """The mean of several anchors: up to the last word position by position, from the last word on in step with it.

    Cut to what all of them have. Raises ValueError when widths differ.
    """
    if len(texts) == 1:
        return texts[0]
    if len({text.tokens.shape[1] for text in texts}) > 1:
        names = ", ".join(f"{text.text!r}: {text.tokens.shape[1]}" for text in texts)
        raise ValueError(f"anchors have embeddings of unequal width ({names}). Encode all with the same text encoder.")
    lead = min(text.last_word for text in texts)
    tail = min(len(text.tokens) - text.last_word for text in texts)
    rows = [
        torch.cat([text.tokens[:lead], text.tokens[text.last_word : text.last_word + tail]]).to(texts[0].tokens)
        for text in texts
    ]
    return EncodedText(" and ".join(text.text for text in texts), torch.stack(rows).mean(0), lead)


def stack_tokens(texts: Sequence[EncodedText], width: int) -> Tensor:
    """All tokens of all texts as one float64 matrix (rows, width) on the CPU; no rows for no texts."""
    if not texts:
        return torch.zeros(0, width, dtype=torch.float64)
    return torch.cat([text.tokens.to("cpu", torch.float64) for text in texts])
