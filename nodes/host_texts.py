"""From the host's CLIP object to the embeddings of a text, and which of their rows is the last word."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..rece_core.alignment import EncodedText
from ..rece_core.fingerprint import Fingerprint, fingerprint

MAX_WORDS = 75  # what CLIP reads in one piece: 77 tokens less start and end
FINGERPRINT_TEXT = "a photo of a cat"

OnStep = Callable[[str], None]


@dataclass(frozen=True)
class Prompt:
    """An encoded text with what the host passes along beside it: the pooled embedding, where there is one."""

    encoded: EncodedText
    pooled: Tensor | None


def encode_prompt(clip: Any, text: str) -> Prompt:
    """Encode `text` as the host's CLIPTextEncode does, its words taken literally, without weights.

    Raises ValueError for a text over 75 tokens, which the host would split into chunks that no longer line up.
    """
    literal = re.sub(r"(?<!\\)([()])", r"\\\1", text)  # else '(word:1.2)' would be read as a weight
    chunks = next(iter(clip.tokenize(literal, return_word_ids=True).values()))
    words = [index for index, (_, _, word) in enumerate(chunks[0]) if word > 0]
    if len(chunks) > 1:
        count = sum(word > 0 for chunk in chunks for _, _, word in chunk)
        raise ValueError(
            f"{text[:60]!r}… is {count} tokens long; expected at most {MAX_WORDS}, what the text encoder reads in one "
            "piece. Shorten it to the words that name the concept."
        )
    tokens, pooled = clip.encode_from_tokens(clip.tokenize(literal), return_pooled=True)
    return Prompt(EncodedText(text, tokens[0].float().cpu(), words[-1] if words else 0), pooled)


def encode_text(clip: Any, text: str, on_step: OnStep = lambda step: None) -> EncodedText:
    """Encode `text`, see `encode_prompt`; `on_step` is called before."""
    on_step(f"encode '{text}'")
    return encode_prompt(clip, text).encoded


def fingerprint_encoder(clip: Any) -> Fingerprint:
    """The fingerprint of a text encoder as it stands, its LoRAs and clip skip included."""
    return fingerprint(encode_prompt(clip, FINGERPRINT_TEXT).encoded.tokens)
