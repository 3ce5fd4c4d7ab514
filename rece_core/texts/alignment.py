"""Encoded texts, and which token rows of a concept face which rows of its anchor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class EncodedText:
    """A text as the model reads it, or one conditioning input of it.

    tokens: (n, d) text embedding, any float dtype and device. last_word: index of the row of the text's last word
    token. For a text without words, the row before its end, which is the start token where the encoder has one; -1
    where there is none (T5), and the first row stands in. further: where the rows of other encoders follow (SD3: those
    of CLIP, then those of T5), the first row and the last word of each such segment.
    """

    text: str
    tokens: Tensor
    last_word: int
    further: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if self.tokens.ndim != 2 or not len(self.tokens):
            raise ValueError(
                f"the embedding of {self.text!r} has shape {tuple(self.tokens.shape)}; expected (tokens, width)."
            )
        for first, end, last_word in self._bounds():
            if not first - 1 <= last_word < end:
                raise ValueError(
                    f"the last word of {self.text!r} is said to be row {last_word}, "
                    f"but its embedding has rows {first} to {end - 1}."
                )
        if not torch.isfinite(self.tokens).all():
            raise ValueError(
                f"the embedding of {self.text!r} holds NaN or infinite numbers, so the text encoder is broken or "
                "overflows. Load another text encoder, or run it in a wider type (fp32)."
            )

    def segments(self) -> tuple[EncodedText, ...]:
        """Each encoder's rows by themselves; the text itself where there is one."""
        if not self.further:
            return (self,)
        return tuple(
            EncodedText(self.text, self.tokens[first:end], last_word - first)
            for first, end, last_word in self._bounds()
        )

    def tail(self) -> Tensor:
        """The rows from the last word on, (m, d), of a text of one segment."""
        assert not self.further, "each segment has its own last word"
        return self.tokens[self.last_word :] if self.last_word >= 0 else torch.cat([self.tokens[:1], self.tokens])

    def _bounds(self) -> list[tuple[int, int, int]]:
        """First row, end and last word of each segment."""
        starts = [(0, self.last_word), *self.further]
        ends = [*(first for first, _ in self.further), len(self.tokens)]
        return [(first, end, last_word) for (first, last_word), end in zip(starts, ends, strict=True)]


def join_segments(parts: Sequence[EncodedText]) -> EncodedText:
    """The rows of several encoders one after the other, as one text; what `EncodedText.segments` takes apart."""
    starts = [0]
    for part in parts[:-1]:
        starts.append(starts[-1] + len(part.tokens))
    further = tuple((start, start + part.last_word) for start, part in zip(starts, parts, strict=True))[1:]
    return EncodedText(parts[0].text, torch.cat([part.tokens for part in parts]), parts[0].last_word, further)


def zip_segments(texts: Sequence[EncodedText]) -> list[tuple[EncodedText, ...]]:
    """The segments of all texts side by side. Raises ValueError where their numbers differ."""
    segments = [text.segments() for text in texts]
    if len({len(each) for each in segments}) > 1:
        names = ", ".join(f"{text.text!r}: {len(each)}" for text, each in zip(texts, segments, strict=True))
        raise ValueError(
            f"texts have rows of different numbers of text encoders ({names}). Encode all with the same text encoders."
        )
    return list(zip(*segments, strict=True))


def align(concept: EncodedText, anchor: EncodedText, tokens: str) -> tuple[Tensor, Tensor]:
    """Rows of `concept` and the rows of `anchor` that they shall act like; both (m, d).

    `from subject` (UCE, RECE): from the last word token on, in order, both sides cut to the length of the shorter.
    `all`: position by position. `last`: the last word token alone. Each segment by itself.
    Raises ValueError when widths, segments or, for `all`, lengths differ.
    """
    if concept.tokens.shape[1] != anchor.tokens.shape[1]:
        raise ValueError(
            f"{concept.text!r} has embeddings of width {concept.tokens.shape[1]} and its anchor {anchor.text!r} of "
            f"width {anchor.tokens.shape[1]}. Encode both with the same text encoder."
        )
    if tokens == "from subject":
        source, goal = match_tails([concept, anchor])
        return source, goal
    pairs = [_align_segment(source, goal, tokens) for source, goal in zip_segments([concept, anchor])]
    return torch.cat([source for source, _ in pairs]), torch.cat([goal for _, goal in pairs])


def match_tails(texts: Sequence[EncodedText]) -> tuple[Tensor, ...]:
    """The rows of each text from its last word on, (m, d), in step and cut to the shortest, each segment by itself.

    Raises ValueError when segments differ.
    """
    matched = []
    for segment in zip_segments(texts):
        tails = [text.tail() for text in segment]
        matched.append([tail[: min(map(len, tails))] for tail in tails])
    return tuple(torch.cat(rows) for rows in zip(*matched, strict=True))


def average_texts(texts: Sequence[EncodedText]) -> EncodedText:
    """The mean of several anchors: up to the last word position by position, from the last word on in step with it.

    Cut to what all of them have, each segment by itself. Raises ValueError when widths or segments differ.
    """
    if len(texts) == 1:
        return texts[0]
    if len({text.tokens.shape[1] for text in texts}) > 1:
        names = ", ".join(f"{text.text!r}: {text.tokens.shape[1]}" for text in texts)
        raise ValueError(f"anchors have embeddings of unequal width ({names}). Encode all with the same text encoder.")
    return join_segments([_average_segment(each) for each in zip_segments(texts)])


def _align_segment(concept: EncodedText, anchor: EncodedText, tokens: str) -> tuple[Tensor, Tensor]:
    if tokens == "last":
        return concept.tail()[:1], anchor.tail()[:1]
    if len(concept.tokens) != len(anchor.tokens):
        raise ValueError(
            f"{concept.text!r} has {len(concept.tokens)} tokens and its anchor {anchor.text!r} {len(anchor.tokens)}, "
            "so they cannot be aligned position by position. Choose tokens 'from subject'."
        )
    return concept.tokens, anchor.tokens


def _average_segment(texts: Sequence[EncodedText]) -> EncodedText:
    lead = max(0, min(text.last_word for text in texts))
    tails = [text.tail() for text in texts]
    length = min(map(len, tails))
    rows = [
        torch.cat([text.tokens[:lead], tail[:length]]).to(texts[0].tokens)
        for text, tail in zip(texts, tails, strict=True)
    ]
    return EncodedText(" and ".join(text.text for text in texts), torch.stack(rows).mean(0), lead)


def stack_tokens(texts: Sequence[EncodedText], width: int) -> Tensor:
    """All tokens of all texts as one float64 matrix (rows, width) on the CPU; no rows for no texts."""
    if not texts:
        return torch.zeros(0, width, dtype=torch.float64)
    return torch.cat([text.tokens.to("cpu", torch.float64) for text in texts])
