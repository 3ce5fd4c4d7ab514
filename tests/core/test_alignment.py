"""Encoded texts, and which of their rows face each other."""

from __future__ import annotations

import pytest
import torch

from rece_core.texts.alignment import EncodedText, align, average_texts, join_segments, match_tails, stack_tokens
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
    for last_word in (-2, 4):
        with pytest.raises(ValueError, match=rf"'cat' is said to be row {last_word}, but .* rows 0 to 3"):
            EncodedText("cat", torch.zeros(4, 8), last_word)
    with pytest.raises(ValueError, match=r"'cat' is said to be row 1, but .* rows 3 to 3"):
        EncodedText("cat", torch.zeros(4, 8), 1, further=((3, 1),))
    with pytest.raises(ValueError, match=r"'cat' has shape \(0, 8\)"):
        EncodedText("cat", torch.zeros(0, 8), 0)


def test_without_a_row_for_the_word_the_first_row_stands_in() -> None:
    """T5 reads a text without words as its end and padding: `cat </s> pad pad` faces `</s> </s> pad pad`."""
    assert rows((2, -1), "from subject") == (list(range(2, 10)), [0, *range(7)])
    assert rows((2, -1), "last") == ([2], [0])
    assert rows((0, -1), "from subject", (2, 1)) == ([0, 1], [0, 0])


def test_segments_are_aligned_each_by_itself() -> None:
    """As in SD3, where the rows of T5 follow those of CLIP, and both have a last word."""
    concept = join_segments([numbered(1, 6), numbered(4, 8)])
    anchor = join_segments([numbered(3, 6), numbered(-1, 5)])
    assert (concept.last_word, concept.further) == (1, ((6, 10),))
    assert (anchor.last_word, anchor.further) == (3, ((6, 5),))
    assert [[int(x) for x in side[:, 0]] for side in align(concept, anchor, "from subject")] == [
        [1, 2, 3, 4, 5, 6, 7],
        [3, 4, 5, 0, 0, 1, 2],
    ]
    assert [[int(x) for x in side[:, 0]] for side in align(concept, anchor, "last")] == [[1, 4], [3, 0]]
    same = align(concept, concept, "all")
    assert torch.equal(same[0], concept.tokens)
    with pytest.raises(ValueError, match=r"has 8 tokens and its anchor 'a text' 5"):
        align(concept, anchor, "all")
    with pytest.raises(ValueError, match=r"different numbers of text encoders \('a text': 2, 'a text': 1\)"):
        align(concept, numbered(1), "from subject")


def test_what_is_joined_comes_apart() -> None:
    parts = [numbered(1, 6), numbered(-1, 4), numbered(2, 3)]
    again = join_segments(parts).segments()
    assert [(len(part.tokens), part.last_word) for part in again] == [(6, 1), (4, -1), (3, 2)]
    assert all(torch.equal(one.tokens, other.tokens) for one, other in zip(parts, again, strict=True))
    assert numbered(3).segments()[0].last_word == 3


def test_the_mean_of_texts_with_segments() -> None:
    texts = [join_segments([numbered(1, 4), numbered(2, 5)]), join_segments([numbered(2, 4), numbered(-1, 5)])]
    mean = average_texts(texts)
    assert [part.last_word for part in mean.segments()] == [1, 0]
    assert [[float(x) for x in part.tokens[:, 0]] for part in mean.segments()] == [[0, 1.5, 2.5], [1, 1.5, 2.5]]


def test_tails_of_three_texts_in_step() -> None:
    tails = match_tails([numbered(1, 6), numbered(3, 6), numbered(-1, 6)])
    assert [[int(x) for x in tail[:, 0]] for tail in tails] == [[1, 2, 3], [3, 4, 5], [0, 0, 1]]


def test_stacking() -> None:
    texts = [EncodedText("a", torch.ones(2, 3, dtype=torch.float16), 0), make_text(0, 3, count=4)]
    stacked = stack_tokens(texts, 3)
    assert stacked.shape == (6, 3)
    assert stacked.dtype == torch.float64
    assert stack_tokens([], 3).shape == (0, 3)
