"""Texts through the text encoders of a checkpoint, as ComfyUI encodes them, without ComfyUI."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import torch
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from ..storage.tensor_file import TensorFile
from ..texts.alignment import EncodedText
from .encoder_shapes import END, PLACES, START, WITHIN, WORDS
from .stored_encoders import StoredEncoder

LENGTH = PLACES
MOST_WORDS = LENGTH - 2  # tokens beside start and end
POSITIONS = torch.arange(LENGTH)[None]
BATCH = 16  # texts encoded together: faster than one by one, and no more memory than a layer takes
HEAD_WIDTH = 64  # of every CLIP's text encoder


class CheckpointTexts:
    """The text encoders of `file` in float32, and the `tokenizer` of their words.

    Called with a text it gives the embeddings that the model reads, by conditioning input: `tokens`, (77, d), and
    `pooled`, (1, d_p), for SDXL; float32 on the CPU. Raises ValueError for a text over 75 tokens.
    """

    def __init__(self, file: TensorFile, encoders: Sequence[StoredEncoder], tokenizer: Any) -> None:
        self._encoders = [(encoder.kind, build_encoder(file, encoder)) for encoder in encoders]
        self._tokenizer = tokenizer
        self._expected: dict[str, int] = {}
        self._latest: dict[str, dict[str, EncodedText]] = {}

    def expect(self, texts: Iterable[str]) -> None:
        """Name texts that will be asked for, in that order: they are encoded `BATCH` at a time."""
        self._expected = {text: place for place, text in enumerate(dict.fromkeys(texts))}

    def __call__(self, text: str) -> dict[str, EncodedText]:
        if text not in self._latest:
            place = self._expected.get(text)
            batch = [text] if place is None else list(islice(self._expected, place, place + BATCH))
            self._latest = dict(zip(batch, self._encode(batch), strict=True))
        return self._latest[text]

    def _encode(self, texts: Sequence[str]) -> list[dict[str, EncodedText]]:
        words = [self._read_words(text) for text in texts]
        parts, pooled = [], None
        for kind, encoder in self._encoders:
            padded = [[START, *each, END, *[kind.padding] * (MOST_WORDS - len(each))] for each in words]
            with torch.no_grad():
                output = encoder(torch.tensor(padded), position_ids=POSITIONS, output_hidden_states=True)
                tokens = output.last_hidden_state if kind.layers_back == 1 else output.hidden_states[-kind.layers_back]
                if kind.final_norm and kind.layers_back > 1:
                    tokens = _find_final_norm(encoder)(tokens)
            parts.append(tokens)
            if kind.pooled:
                pooled = output.text_embeds
        encoded = []
        for index, text in enumerate(texts):
            # Tensors of their own: a part of the batch would keep all of it in memory.
            tokens = torch.cat([part[index] for part in parts], 1).clone()
            cond_inputs = {"tokens": EncodedText(text, tokens, len(words[index]))}
            if pooled is not None:
                cond_inputs["pooled"] = EncodedText(text, pooled[index : index + 1].clone(), 0)
            encoded.append(cond_inputs)
        return encoded

    def release(self) -> None:
        """Give the encoders' memory back; no text can be encoded afterwards."""
        self._encoders.clear()
        self._latest.clear()

    def _read_words(self, text: str) -> list[int]:
        literal = re.sub(r"\\([()])", r"\1", text)  # as in ComfyUI, where a parenthesis may be escaped
        words = self._tokenizer(literal)["input_ids"][1:-1]
        if len(words) > MOST_WORDS:
            raise ValueError(
                f"{text[:60]!r}… is {len(words)} tokens long; expected at most {MOST_WORDS}, what the text encoder "
                "reads in one piece. Shorten it to the words that name the concept."
            )
        return words


def build_encoder(file: TensorFile, stored: StoredEncoder) -> Any:
    """transformers' model of one text encoder of `file`, in float32.

    Weights are read one at a time into a model that has no memory of its own before.
    """
    width, rows = stored.kind.width, stored.shape_of(file, WITHIN)[0]
    config = CLIPTextConfig(
        vocab_size=WORDS,
        hidden_size=width,
        intermediate_size=rows,
        num_hidden_layers=stored.layers,
        num_attention_heads=width // HEAD_WIDTH,
        hidden_act=stored.kind.activation,
        max_position_embeddings=LENGTH,
        projection_dim=width,
        bos_token_id=START,
        eos_token_id=END,
    )
    with torch.device("meta"):
        model = (CLIPTextModelWithProjection if stored.kind.pooled else CLIPTextModel)(config)
    weights = {name: stored.read(file, name.removeprefix("text_model.")) for name in model.state_dict()}
    model.load_state_dict(weights, assign=True)
    return model.eval()


def _find_final_norm(encoder: nn.Module) -> nn.Module:
    """Its place differs between versions of transformers."""
    return next(part for name, part in encoder.named_modules() if name.endswith("final_layer_norm"))
