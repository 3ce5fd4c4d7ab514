"""The host's text encoders as a function that gradients run through: a prompt that begins with free tokens.

See `host_gradients` for how, and for what the classes here need around them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from .host_gradients import join_embeddings
from .host_texts import MAX_WORDS
from .host_weights import copy_weights

TOKEN_TABLE = "token_embedding.weight"  # noqa: S105 - a name, no password
END_OF_WORD = "</w>"


@dataclass(frozen=True)
class Frame:
    """A tokenized prompt with room for free tokens.

    around: what stands before and after them, for each text encoder by name. words: the tokens of the prompt's words.
    """

    around: Mapping[str, tuple[Sequence[tuple[Any, float]], Sequence[tuple[Any, float]]]]
    words: Sequence[Any]


def make_room(clip: Any, prompt: str, count: int) -> Frame:
    """`prompt` with room for `count` tokens in front of it.

    Raises ValueError where they do not fit into one piece, and for text encoders that are no CLIP.
    """
    tokenized = clip.tokenize(prompt, return_word_ids=True, disable_weights=True)
    other = [name for name in tokenized if not hasattr(clip.cond_stage_model, f"clip_{name}")]
    if other:
        raise ValueError(
            f"this CLIP holds the text encoders {', '.join(tokenized)}; expected those of SD 1.x, SD 2.x or SDXL. "
            "Choose the attack 'free embedding', or RECE Red Team."
        )
    words = [token for chunk in next(iter(tokenized.values())) for token, _, word in chunk if word > 0]
    if count + len(words) > MAX_WORDS:
        raise ValueError(
            f"{count} tokens before the {len(words)} of {prompt[:60]!r} make {count + len(words)}; expected at most "
            f"{MAX_WORDS} in all, what the text encoder reads in one piece. Ask for fewer, or shorten the target."
        )
    around = {}
    for name, chunks in tokenized.items():
        pairs = [(token, 1.0) for token, _, _ in chunks[0]]
        around[name] = pairs[:1], pairs[1 : len(pairs) - count]  # padding makes room for what is added
    return Frame(around, words)


class FreeTokens:
    """A CLIP as a function from free tokens (k, e), which begin a prompt, to its text, see `join_embeddings`.

    table: the embeddings of all tokens (v, e), those of several text encoders side by side: they share a vocabulary.
    """

    def __init__(self, clip: Any, frame: Frame, pooled: Tensor | None, follow: bool) -> None:
        """`pooled`: that of the prompt, for a model that reads one; with `follow` that of the free tokens instead."""
        clip.cond_stage_model.reset_clip_options()
        if clip.layer_idx is not None:
            clip.cond_stage_model.set_clip_options({"layer": clip.layer_idx})
        self._frame, self._encoder = frame, _Encoder(clip.cond_stage_model)
        self._pooled, self._follow = pooled, follow
        self._weights = {f"encoder.{name}": weight for name, weight in copy_weights(clip.patcher).items()}
        tables = [self._find_table(name) for name in frame.around]
        self._widths = [table.shape[1] for table in tables]
        self.table = torch.cat(tables, 1)

    def start(self, count: int) -> Tensor:
        """`count` tokens to begin with: the prompt's own words in turn, (count, e)."""
        words = self._frame.words
        return self.table[[words[index % len(words)] for index in range(count)]]

    def __call__(self, tokens: Tensor) -> Tensor:
        rows = {
            name: [[*before, *((token, 1.0) for token in part), *after]]
            for (name, (before, after)), part in zip(
                self._frame.around.items(), tokens.split(self._widths, 1), strict=True
            )
        }
        found, pooled, *_ = functional_call(self._encoder, self._weights, (rows,))
        return join_embeddings(found, pooled if self._follow and self._pooled is not None else self._pooled)

    def _find_table(self, name: str) -> Tensor:
        start = f"encoder.clip_{name}."
        return next(
            weight for key, weight in self._weights.items() if key.startswith(start) and key.endswith(TOKEN_TABLE)
        )


def list_words(clip: Any, frame: Frame) -> dict[str, int]:
    """The tokenizer's plain words and their tokens: letters only, and each by itself a token again."""
    tokenizer = getattr(clip.tokenizer, f"clip_{next(iter(frame.around))}")
    ends = {name: token for token, name in tokenizer.inv_vocab.items() if name.endswith(END_OF_WORD)}
    plain = {name.removesuffix(END_OF_WORD): token for name, token in ends.items()}
    plain = {word: token for word, token in plain.items() if word.isascii() and word.isalpha()}
    encoded = tokenizer.tokenizer(list(plain))["input_ids"]
    return {word: plain[word] for word, tokens in zip(plain, encoded, strict=True) if tokens[1:-1] == [plain[word]]}


class _Encoder(torch.nn.Module):
    """Makes a call of what the host encodes tokens with, which is no module's `forward`."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, tokens: Any) -> Any:
        return self.encoder.encode_token_weights(tokens)
