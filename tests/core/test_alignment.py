"""Encoded texts, and which of their rows face each other."""

from __future__ import annotations

import pytest
import torch

from rece_core.alignment import EncodedText, align, stack_tokens
from tests.core.random_models import make_text


def numbered(last_word: int, count: int = 10) -> EncodedText:
    """A text whose tokens hold the number of their row."""
    return EncodedText("a text", torch.arange(float(count))[:, None], last_word)


def rows(last_words: tuple[int, int], tokens: str, counts: tuple[int, int] = (10, 10)) -> tuple[list[int], list[int]]:
    texts = [numbered(last, count) for last, count in zip(last_words, counts, strict=True)]
    source, goal = align(texts[0], texts[1], tokens)
    return [int(x) for x in source[:, 0]], [int(x) for x in goal[:, 0]]


@pytest.mark.parametrize(
    ("last_words", "expected"),
    [
        ((2, 2), (range(2, 10), range(2, 10))),
        ((1, 4), (range(1, 7), range(4, 10))),
        ((4, 1), (range(4, 10), range(1, 7))),
        ((3, 0), (range(3, 10), range(0, 7))),
        ((9, 0), (range(9, 10), range(0, 1))),
    ],
)
def test_from_the_last_word_on(last_words: tuple[int, int], expected: tuple[range, range]) -> None:
    assert rows(last_words, "from subject") == tuple(map(list, expected))


def test_texts_of_unequal_length_are_cut_to_the_shorter() -> None:
    assert rows((1, 1), "from subject", (4, 10)) == ([1, 2, 3], [1, 2, 3])


def test_all_tokens_and_the_last_word_alone() -> None:
    assert rows((2, 5), "all") == (list(range(10)), list(range(10)))
    assert rows((2, 5), "last") == ([2], [5])


def test_all_tokens_of_texts_of_unequal_length() -> None:
    with pytest.raises(ValueError, match=r"has 4 tokens and its anchor 'a text' 10, .* Choose tokens 'from subject'"):
        rows((1, 1), "all", (4, 10))


def test_widths_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"width 8 and its anchor 'art' of width 9. Encode both with the same text"):
        align(make_text(0, 8), make_text(0, 9, text="art"), "last")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_embeddings_that_are_not_numbers(value: float) -> None:
    tokens = torch.zeros(4, 8, dtype=torch.float16)
    tokens[3, 7] = value
    with pytest.raises(ValueError, match=r"'cat' holds NaN or infinite numbers, .* text encoder .* wider type"):
        EncodedText("cat", tokens, 1)


def test_embeddings_of_the_wrong_shape() -> None:
    with pytest.raises(ValueError, match=r"'cat' has shape \(1, 4, 8\); expected \(tokens, width\)"):
        EncodedText("cat", torch.zeros(1, 4, 8), 1)
    for last_word in (-1, 4):
        with pytest.raises(ValueError, match=rf"'cat' is said to be row {last_word}, but .* rows 0 to 3"):
            EncodedText("cat", torch.zeros(4, 8), last_word)


def test_stacking() -> None:
    texts = [EncodedText("a", torch.ones(2, 3, dtype=torch.float16), 0), make_text(0, 3, count=4)]
    stacked = stack_tokens(texts, 3)
    assert stacked.shape == (6, 3)
    assert stacked.dtype == torch.float64
    assert stack_tokens([], 3).shape == (0, 3)
