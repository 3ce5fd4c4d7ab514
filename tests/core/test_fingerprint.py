"""Fingerprints: the same for copies in other types, different for anything else."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from rece_core.models.fingerprint import (
    CLOSE,
    LENGTH,
    TOLERANCE,
    Fingerprint,
    estimate_difference,
    fingerprint,
    fingerprint_inputs,
    same_fingerprint,
)
from rece_core.models.weights import Weight, accumulate_gram
from rece_core.texts.alignment import EncodedText, join_segments
from tests.core.random_models import randn


def tokens(seed: int) -> Tensor:
    return randn(seed, 77, 96)


def gram(seed: int, noise: float = 0.0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Of a model whose many weights all come from one distribution, as freshly trained ones nearly do."""
    weights = [randn(seed + i, 1000, 96) + noise * randn(seed + 50 + i, 1000, 96) for i in range(4)]
    return accumulate_gram(Weight("w", "key", weight.to(dtype)) for weight in weights).total


Maker = Callable[[int], Tensor]
MAKERS: list[Maker] = [tokens, gram]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("seed", range(5))
def test_a_copy_in_another_type_is_the_same(make: Maker, dtype: torch.dtype, seed: int) -> None:
    copy = tokens(seed).to(dtype) if make is tokens else gram(seed, dtype=dtype)
    assert same_fingerprint(fingerprint(make(seed)), fingerprint(copy))


@pytest.mark.parametrize("make", MAKERS)
def test_other_numbers_are_something_else(make: Maker) -> None:
    prints = [fingerprint(make(100 * seed)) for seed in range(8)]
    for index, each in enumerate(prints):
        assert [same_fingerprint(each, other) for other in prints] == [index == place for place in range(8)]


@pytest.mark.parametrize("seed", range(8))
def test_a_tenth_of_noise_is_something_else(seed: int) -> None:
    noisy = tokens(seed) + 0.1 * tokens(seed + 50)
    assert not same_fingerprint(fingerprint(tokens(seed)), fingerprint(noisy))
    assert not same_fingerprint(fingerprint(gram(100 * seed)), fingerprint(gram(100 * seed, noise=0.1)))


def test_other_shapes_and_sizes_are_something_else() -> None:
    matrix = tokens(0)
    found = fingerprint(matrix)
    assert not same_fingerprint(found, fingerprint(matrix[:-1]))
    assert not same_fingerprint(found, fingerprint(matrix.T))
    assert not same_fingerprint(found, fingerprint(2 * matrix))
    assert not same_fingerprint(found, found[:-1])


def test_it_goes_through_json_and_stays() -> None:
    found = fingerprint(tokens(0))
    assert len(found) == LENGTH
    assert tuple(json.loads(json.dumps(found))) == found
    assert all(map(math.isfinite, fingerprint(torch.zeros(77, 96))))


def of_text(rows: Tensor, last_word: int = 5) -> Fingerprint:
    return fingerprint_inputs({"tokens": EncodedText("a text", rows, last_word)})["tokens"]


@pytest.mark.parametrize("noise", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("make", [tokens, lambda seed: randn(seed, 1, 96)])
def test_how_far_two_text_encoders_are_apart(noise: float, make: Maker) -> None:
    """The estimate is of 14 numbers only, so it is right on average: here over 20 encoders."""
    last_word = min(5, len(make(0)) - 1)
    found = [
        estimate_difference(of_text(make(seed), last_word), of_text(make(seed) + noise * make(seed + 500), last_word))
        for seed in range(20)
    ]
    assert sum(found) / len(found) == pytest.approx(noise, rel=0.15)
    assert max(found) < 2 * noise


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_text_encoders_in_other_types_and_other_ones(dtype: torch.dtype) -> None:
    for seed in range(5):
        copy, other = of_text(tokens(seed).to(dtype).float()), of_text(tokens(seed + 50))
        assert estimate_difference(of_text(tokens(seed)), copy) < (CLOSE if dtype.itemsize == 1 else TOLERANCE)
        assert estimate_difference(of_text(tokens(seed)), other) > CLOSE
    assert estimate_difference(of_text(tokens(0)), of_text(tokens(0)[:-1])) == math.inf
    assert estimate_difference(of_text(tokens(0)), of_text(2 * tokens(0))) > CLOSE
    assert estimate_difference(of_text(tokens(0)), ()) == math.inf


def test_a_large_start_token_hides_no_other_words() -> None:
    large = torch.ones(77, 1, dtype=torch.float64)
    large[0] = 1000
    words = tokens(1)
    words[0] = tokens(0)[0]
    assert same_fingerprint(fingerprint(large * tokens(0)), fingerprint(large * words))  # control
    assert estimate_difference(of_text(large * tokens(0)), of_text(large * words)) > CLOSE


def test_each_segment_has_its_own_and_padding_none() -> None:
    """As in SD3, where another T5 must be noticed beside the same CLIP, whose rows are larger."""
    clip, first, second = (EncodedText("a text", tokens(seed), 5) for seed in range(3))
    clip = EncodedText("a text", 100 * clip.tokens, 5)
    one, other = (fingerprint_inputs({"tokens": join_segments([clip, t5])}) for t5 in (first, second))
    assert set(one) == {"tokens", "tokens.1"}
    assert one["tokens"] == other["tokens"]
    assert estimate_difference(one["tokens.1"], other["tokens.1"]) > CLOSE
    padded = tokens(0)
    padded[6:] = tokens(9)[6:]
    assert of_text(padded) == of_text(tokens(0))
    wordless = EncodedText("", torch.zeros(4, 96), -1)
    assert all(map(math.isfinite, fingerprint_inputs({"tokens": wordless})["tokens"]))
