"""Texts as a pipeline of diffusers encodes its prompts, by conditioning input."""

from __future__ import annotations

from inspect import signature
from typing import Any

import torch
from torch import Tensor

from ..models.text_model import POOLED, TOKENS
from ..texts.alignment import EncodedText

AROUND = 2  # tokens of CLIP around the words: start and end
SHOWN = 60  # letters of a text that is too long


class PipelineTexts:
    """The text encoders of `pipe`, a pipeline of `family`.

    Called with a text it gives the embeddings that the model reads of it, by conditioning input: `tokens`, (n, d), and
    `pooled`, (1, d_p), for all but SD 1.x and 2.x; float32 on the CPU. Rows of a T5 that is not loaded are left out.
    clip_skip, max_sequence_length: as they will be given to the pipeline; None for what it does by itself.

    Raises ValueError for an option that this pipeline does not have, and for a text longer than it reads.
    """

    def __init__(self, pipe: Any, family: str, clip_skip: int | None, max_sequence_length: int | None) -> None:
        self._pipe, self._family = pipe, family
        asked = {"clip_skip": clip_skip, "max_sequence_length": max_sequence_length}
        self._options = {name: value for name, value in asked.items() if value is not None}
        taken = signature(pipe.encode_prompt).parameters
        unknown = next((name for name in self._options if name not in taken), None)
        if unknown:
            raise ValueError(
                f"{unknown} is {self._options[unknown]}, but {type(pipe).__name__} has no such option. Leave it out."
            )
        needed = {"prompt_2": None, "prompt_3": None, "do_classifier_free_guidance": False}
        self._needed = {name: value for name, value in needed.items() if name in taken}

    def __call__(self, text: str) -> dict[str, EncodedText]:
        pipe = self._pipe
        with torch.no_grad():
            given = pipe.encode_prompt(
                prompt=text,
                device=pipe._execution_device,
                num_images_per_prompt=1,
                **self._needed,
                **self._options,
            )
        own = [each[0].float().cpu() for each in given if each is not None]  # others are of a negative prompt
        return self._name(text, own[0], own[1:])

    def _name(self, text: str, tokens: Tensor, rest: list[Tensor]) -> dict[str, EncodedText]:
        pipe = self._pipe
        if self._family == "Flux.1":
            t5 = self._count_t5(text, pipe.tokenizer_2, len(tokens))
            return {TOKENS: EncodedText(text, tokens, t5), POOLED: EncodedText(text, rest[0][None], 0)}
        words = self._count_words(text, pipe.tokenizer or pipe.tokenizer_2)
        if self._family == "SD3":
            start = pipe.tokenizer_max_length
            further: tuple[tuple[int, int], ...] = ()
            if pipe.text_encoder_3 is None:
                tokens = tokens[:start]
            else:
                further = ((start, start + self._count_t5(text, pipe.tokenizer_3, len(tokens) - start)),)
            return {TOKENS: EncodedText(text, tokens, words, further), POOLED: EncodedText(text, rest[0][None], 0)}
        pooled = {POOLED: EncodedText(text, rest[0][None], 0)} if self._family == "SDXL" else {}
        return {TOKENS: EncodedText(text, tokens, words), **pooled}

    def _count_words(self, text: str, tokenizer: Any) -> int:
        """Tokens of CLIP, its start and end not counted."""
        if hasattr(self._pipe, "maybe_convert_prompt"):  # textual inversions of several tokens
            text = self._pipe.maybe_convert_prompt(text, tokenizer)
        return _check_length(text, len(tokenizer(text)["input_ids"]) - AROUND, tokenizer.model_max_length - AROUND)

    def _count_t5(self, text: str, tokenizer: Any, rows: int) -> int:
        """The row of the last token of T5 before its end; -1 for none, as it has no start."""
        return _check_length(text, len(tokenizer(text)["input_ids"]) - 1, rows - 1) - 1


def _check_length(text: str, count: int, most: int) -> int:
    if count > most:
        raise ValueError(
            f"{text[:SHOWN]!r}… is {count} tokens long; expected at most {most}, what the text encoder reads of a "
            "prompt. Shorten it to the words that name the concept."
        )
    return count
