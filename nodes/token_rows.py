"""Where the words of a text stand among what the host's tokenizers make of it, and so in the rows of its embedding.

A tokenizer puts tokens of its own around the words: a start (CLIP, Llama), an end (CLIP, T5), padding, or the chat
template of a language model (Qwen, Llama, Mistral), whose front and end the host may cut off again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PROBES = ("cat", "house")  # a word each; what a tokenizer makes of both alike is its own
QUOTED = {"byt5": tuple(f'"{word}"' for word in PROBES)}  # read by that encoder only where they stand in quotes


@dataclass(frozen=True)
class Place:
    """Where a text's own tokens stand among the `count` tokens of one text encoder.

    first, last: positions of the first and of the last of them. For a text without words, `last` is the position
    before what ends it, -1 where there is none, and `first` the one behind that.
    """

    count: int
    first: int
    last: int

    def find_row(self, rows: int) -> int:
        """The row of the last word where the encoder hands on `rows` rows for `count` tokens; -1 as in `last`.

        The missing rows are those in front; where more are missing than stand before the text, the rest is its end.
        """
        return max(self.last - min(self.count - rows, self.first), -1)


def locate_words(clip: Any, text: str, encoders: Iterable[str]) -> dict[str, Place]:
    """The place of the words of `text` for each of the text `encoders` of `clip`, by their names in its tokens.

    Raises ValueError where `text` is longer than what one of them reads in one piece: the host would go on in a second
    one, whose rows no longer line up with those of other texts, or leave the rest out.
    """
    tokenized = clip.tokenize(text, return_word_ids=True)
    probed = {
        words: [clip.tokenize(word, return_word_ids=True) for word in words] for words in (PROBES, *QUOTED.values())
    }
    places = {}
    for name in encoders:
        tokenizer = find_tokenizer(clip, name)
        _check_length(tokenizer, text)
        padding = getattr(tokenizer, "pad_token", None)
        probes = [_list_words(each[name][0], padding) for each in probed[QUOTED.get(name, PROBES)]]
        places[name] = _locate(tokenized[name][0], padding, probes)
    return places


def find_tokenizer(clip: Any, name: str) -> Any:
    """The tokenizer of one text encoder of `clip`, by its name in the tokens."""
    return getattr(clip.tokenizer, name, None) or getattr(clip.tokenizer, f"clip_{name}")


def _locate(tokens: Sequence[Any], padding: Any, probes: Sequence[Mapping[int, Any]]) -> Place:
    one, other = (list(probe.values()) for probe in probes)
    before, behind = _count_common(one, other), _count_common(one[::-1], other[::-1])
    positions = list(_list_words(tokens, padding))
    positions = positions[: len(positions) - behind]
    if len(positions) > before:
        return Place(len(tokens), positions[before], positions[-1])
    last = positions[-1] if positions else next(iter(probes[0])) - 1
    return Place(len(tokens), last + 1, last)


def _list_words(tokens: Sequence[Any], padding: Any) -> dict[int, Any]:
    """Tokens by position, less start, end and padding; a few tokenizers of the host know no words and have none."""
    return {
        position: token[0]
        for position, token in enumerate(tokens)
        if (token[2] > 0 if len(token) > 2 else token[0] != padding)
    }


def _count_common(one: Sequence[Any], other: Sequence[Any]) -> int:
    """How many elements two sequences begin with alike."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _check_length(tokenizer: Any, text: str) -> None:
    chunks = tokenizer.tokenize_with_weights(text, True)
    if len(chunks) > 1:
        count = sum(len(_list_words(chunk, None)) for chunk in chunks)
        limit = tokenizer.max_length - sum(end is not None for end in (tokenizer.start_token, tokenizer.end_token))
        raise ValueError(
            f"{text[:60]!r}… is {count} tokens long; expected at most {limit}, what the text encoder reads in one "
            "piece. Shorten it to the words that name the concept."
        )
