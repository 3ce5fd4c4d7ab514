"""Fingerprints: the same for copies in other types, different for anything else."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from rece_core.fingerprint import LENGTH, fingerprint, same_fingerprint
from rece_core.gram import Weight, accumulate_gram
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
