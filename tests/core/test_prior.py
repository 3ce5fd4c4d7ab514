"""The preserve prior: averages over tokens, and the captions that ship."""

from __future__ import annotations

import pytest
import torch

from rece_core.texts.alignment import EncodedText
from rece_core.texts.presets import PROBES, UNSAFE_CONCEPTS
from rece_core.texts.prior import accumulate_prior, parse_captions, read_captions
from tests.core.random_models import deviation, make_text


def test_it_averages_over_all_tokens() -> None:
    texts = [make_text(i, 8, count=3 + i) for i in range(4)]
    tokens = torch.cat([text.tokens for text in texts])
    prior = accumulate_prior(iter(texts))
    assert deviation(prior.moment, tokens.T @ tokens / len(tokens)) < 1e-12
    assert deviation(prior.mean, tokens.mean(0)) < 1e-12
    assert prior.width == 8


def test_padding_does_not_thin_out_the_words() -> None:
    """An edit takes the moment times its own number of rows, which padding lengthens as it does the captions."""

    def weigh_words(rows: int) -> torch.Tensor:
        words = torch.cat([make_text(0, 8, count=4).tokens[:, :4], torch.zeros(4, 4, dtype=torch.float64)], 1)
        padding = torch.eye(8, dtype=torch.float64)[4:5].expand(rows - 4, -1)
        prior = accumulate_prior([EncodedText("a caption", torch.cat([words, padding]), 3)])
        concept = rows - 2  # from the last of two words on
        return concept * prior.moment[:4, :4]

    assert deviation(weigh_words(256), weigh_words(512)) < 0.01
    assert deviation(weigh_words(77), weigh_words(512)) < 0.03


def test_no_caption_and_unequal_widths() -> None:
    with pytest.raises(ValueError, match="no caption was given for the prior; expected at least one"):
        accumulate_prior(())
    with pytest.raises(ValueError, match=r"has width 9, those before it 8. Encode all captions with the same"):
        accumulate_prior([make_text(0, 8), make_text(1, 9)])


def test_captions_as_typed() -> None:
    assert parse_captions("\n a  cat \r\n\na dog\na cat\n") == ("a cat", "a dog")


def test_the_captions_that_ship() -> None:
    captions = read_captions()
    assert len(captions) > 400
    assert not set(captions) & set(PROBES), "drift is measured on texts that are not preserved"
    assert not [caption for caption in captions for word in UNSAFE_CONCEPTS if word in caption.lower().split()]
