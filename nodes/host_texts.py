"""From the host's CLIP object to the embeddings of a text, one for each conditioning input of a model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from comfy.sd1_clip import SD1Tokenizer
from torch import Tensor

from ..rece_core.erasing.pipeline import FINGERPRINT_TEXT
from ..rece_core.models.fingerprint import Fingerprint, fingerprint_inputs
from ..rece_core.models.text_model import POOLED, TOKENS
from ..rece_core.texts.alignment import EncodedText, join_segments
from .token_rows import Place, locate_words

MAX_WORDS = 75  # what CLIP reads in one piece: 77 tokens less start and end

Conditioning = list[list[Any]]

#: Where a CLIP joins several text encoders: those whose rows make the text embedding. Rows of one group stand side by
#: side, those of the next follow. The others give the pooled embedding, or a conditioning input of their own.
GROUPS: Mapping[frozenset[str], tuple[tuple[str, ...], ...]] = {
    frozenset({"g", "l"}): (("g", "l"),),  # SDXL
    frozenset({"g", "l", "t5xxl"}): (("g", "l"), ("t5xxl",)),  # SD3
    frozenset({"g", "l", "t5xxl", "llama"}): (("t5xxl",),),  # HiDream
    frozenset({"l", "t5xxl"}): (("t5xxl",),),  # Flux.1
    frozenset({"l", "llama"}): (("llama",),),  # HunyuanVideo
    frozenset({"hydit_clip", "mt5xl"}): (("hydit_clip",),),  # HunyuanDiT
    frozenset({"qwen25_7b", "byt5"}): (("qwen25_7b",),),  # HunyuanImage, HunyuanVideo 1.5
    frozenset({"qwen25_7b", "l"}): (("qwen25_7b",),),  # Kandinsky 5
    frozenset({"qwen3_06b", "t5xxl"}): (("qwen3_06b",),),  # Anima
    frozenset({"gemma", "jina"}): (("gemma",),),  # NewBie
}

#: The conditioning inputs beside them: the name under which the host passes each along, its text encoder, and its mask.
FURTHER = {
    "t5": ("conditioning_mt5xl", "mt5xl", "attention_mask_mt5xl"),
    "t5_padded": ("conditioning_mt5xl", "mt5xl", None),  # HunyuanDiT's pooler reads what the mask hides, too
    "byt5": ("conditioning_byt5small", "byt5", None),
    "llama": ("conditioning_llama3", "llama", None),  # a conditioning input for each of its layers
}

#: Text encoders whose mask the model behind them respects (LTX-Video, Mochi, HunyuanDiT). Others return one as well,
#: but their models read every row: Flux.2 Klein, LongCat.
MASKED = (frozenset({"t5xxl"}), frozenset({"hydit_clip", "mt5xl"}))


@dataclass(frozen=True)
class Rows:
    """Where an embedding is in what the host passes on: `rows` (n,) of passed[key], (1, N, d) or (1, layers, N, d)."""

    key: str
    rows: Tensor
    layer: int | None = None

    def read_from(self, passed: Mapping[str, Any]) -> Tensor:
        """The rows, (n, d), as a copy."""
        return self._choose_layer(passed[self.key])[self.rows.to(passed[self.key].device)]

    def replace_in(self, passed: Mapping[str, Any], tokens: Tensor) -> dict[str, Any]:
        """What the host passes along with `tokens` (n, d) as the rows."""
        changed = passed[self.key].clone()
        self._choose_layer(changed)[self.rows.to(changed.device)] = tokens.to(changed)
        return {**passed, self.key: changed}

    def _choose_layer(self, embedding: Tensor) -> Tensor:
        whole = embedding if embedding.ndim > 2 else embedding[None]
        return whole[0] if self.layer is None else whole[0, self.layer]


@dataclass(frozen=True)
class Prompt:
    """An encoded text: by conditioning input, and as all that the host passes along, with the place of each in it."""

    cond_inputs: Mapping[str, EncodedText]
    passed: Mapping[str, Any]
    rows: Mapping[str, Rows]

    @property
    def encoded(self) -> EncodedText:
        """The text embedding."""
        return self.cond_inputs[TOKENS]

    def replaced(self, tokens: Mapping[str, Tensor]) -> Prompt:
        """The prompt with other embeddings of the same shapes, by conditioning input."""
        passed = self.passed
        for cond_input, embedding in tokens.items():
            passed = self.rows[cond_input].replace_in(passed, embedding)
        changed = {
            cond_input: replace(self.cond_inputs[cond_input], tokens=embedding)
            for cond_input, embedding in tokens.items()
        }
        return replace(self, cond_inputs={**self.cond_inputs, **changed}, passed=passed)

    def to_conditioning(self) -> Conditioning:
        """The host's CONDITIONING, with pooled embedding, masks and whatever else its encoder gives."""
        return [[self.passed["cond"], {name: value for name, value in self.passed.items() if name != "cond"}]]


def encode_prompt(clip: Any, text: str) -> Prompt:
    """Encode `text` as the host's CLIPTextEncode does, its words taken literally, without weights.

    A conditioning input that the encoder does not give, or gives as zeros because a file of it is not loaded, is left
    out. So are the rows that the model's mask hides, and padding that the encoder sets to zero (AuraFlow, Wan), where
    no edit can change anything. Raises ValueError for a text longer than the encoder reads in one piece, and for text
    encoders that the pack does not know.
    """
    literal = _escape(text)
    tokenized = clip.tokenize(literal)
    encoders = frozenset(tokenized)
    groups = _list_groups(clip, encoders)
    further = [name for _, name, _ in FURTHER.values() if name in encoders]
    places = locate_words(clip, literal, [*(name for group in groups for name in group), *further])
    passed = clip.encode_from_tokens(tokenized, return_dict=True)
    segments = [places[group[0]] for group in groups]
    cond_inputs, rows = {}, {}
    for cond_input, where, of in _list_inputs(passed, encoders, segments, places):
        embedding = where.read_from(passed).float().cpu()
        filled = embedding.any(1)
        if filled.any():
            rows[cond_input] = replace(where, rows=where.rows[filled])
            total = passed[where.key].shape[-2]
            cond_inputs[cond_input] = _make_text(text, embedding[filled], rows[cond_input].rows, total, of)
    return Prompt(cond_inputs, passed, rows)


def encode_text(clip: Any, text: str) -> EncodedText:
    """Encode `text`, see `encode_prompt`."""
    return encode_prompt(clip, text).encoded


def encode_inputs(clip: Any, text: str) -> Mapping[str, EncodedText]:
    """All that `clip` gives of `text`, by conditioning input, see `encode_prompt`."""
    return encode_prompt(clip, text).cond_inputs


def fingerprint_encoder(clip: Any) -> dict[str, Fingerprint]:
    """The fingerprints of a text encoder as it stands, its LoRAs and clip skip included; see `fingerprint_inputs`."""
    return fingerprint_inputs(encode_inputs(clip, FINGERPRINT_TEXT))


def count_clip_tokens(texts: Sequence[str]) -> list[int]:
    """Tokens of each text under CLIP's vocabulary, start and end not counted; words are taken literally.

    The same for the CLIP encoders of SD 1.x, 2.x, SDXL, SD 3 and Flux; no model has to be loaded.
    """
    tokenizer = _load_clip_tokenizer()
    counted = (tokenizer.tokenize_with_weights(_escape(text), return_word_ids=True) for text in texts)
    return [sum(word > 0 for chunk in next(iter(each.values())) for _, _, word in chunk) for each in counted]


@cache
def _load_clip_tokenizer() -> Any:
    return SD1Tokenizer()  # with no folder of embeddings: it opens no file for 'embedding:name'


def _escape(text: str) -> str:
    """`text` with its parentheses taken literally; else '(word:1.2)' would be read as a weight."""
    return re.sub(r"(?<!\\)([()])", r"\\\1", text)


def _list_groups(clip: Any, encoders: frozenset[str]) -> list[tuple[str, ...]]:
    """The groups of text encoders whose rows make the text embedding, less those that are not loaded."""
    groups = GROUPS.get(encoders)
    if len(encoders) == 1:
        groups = (tuple(encoders),)
    if groups is None:
        known = "; ".join(sorted(", ".join(sorted(names)) for names in GROUPS))
        raise ValueError(
            f"this CLIP joins the text encoders {', '.join(sorted(encoders))}, in a way this pack does not know; "
            f"expected a single one, or one of: {known}. Use a model of a family that the documentation lists."
        )
    loaded = [tuple(name for name in group if _is_loaded(clip, name)) for group in groups]
    return [group for group in loaded if group] or list(groups)


def _is_loaded(clip: Any, name: str) -> bool:
    """Whether the host holds the text encoder; it leaves None where a file is not connected."""
    model = clip.cond_stage_model
    return any(getattr(model, each, None) is not None for each in (name, f"clip_{name}"))


def _list_inputs(
    passed: Mapping[str, Any], encoders: frozenset[str], segments: list[Place], places: Mapping[str, Place]
) -> Iterator[tuple[str, Rows, list[Place]]]:
    """Name, rows and segments of each conditioning input that the host passed along."""
    masked = encoders in MASKED
    yield TOKENS, Rows("cond", _find_shown(passed["cond"], passed.get("attention_mask") if masked else None)), segments
    if passed.get("pooled_output") is not None:
        yield POOLED, Rows("pooled_output", torch.arange(1)), [Place(1, 0, 0)]
    for cond_input, (key, name, mask) in FURTHER.items():
        if passed.get(key) is not None:
            shown = _find_shown(passed[key], passed.get(mask) if mask else None)
            layers = passed[key].shape[1] if passed[key].ndim == 4 else 0
            for layer in range(layers):
                yield f"{cond_input}.{layer}", Rows(key, shown, layer), [places[name]]
            if not layers:
                yield cond_input, Rows(key, shown), [places[name]]


def _find_shown(embedding: Tensor, mask: Tensor | None) -> Tensor:
    """The rows of an embedding that the model sees, (n,)."""
    return torch.arange(embedding.shape[-2]) if mask is None else mask[0].cpu().nonzero()[:, 0]


def _make_text(text: str, embedding: Tensor, rows: Tensor, total: int, segments: list[Place]) -> EncodedText:
    """`embedding`, the `rows` of `total`, with the last word of each segment; the last segment has what is left."""
    parts, start = [], 0
    for index, place in enumerate(segments, start=1):
        end = start + place.count if index < len(segments) else total
        own = (rows >= start) & (rows < end)
        last = int((rows[own] <= start + place.find_row(end - start)).sum()) - 1
        parts.append(EncodedText(text, embedding[own], last))
        start = end
    return join_segments(parts)
