"""The small networks, and their storage in eight bits (half a step of them, and a little for float16 after that)."""

from __future__ import annotations

import pytest
import torch

from emoji.autoencoder import CHANNELS, PIXELS_PER_LATENT, Autoencoder
from emoji.compact import compress, expand
from emoji.judge import NONE, Judge, classify
from emoji.text_network import END, START, TextNetwork, find_ends, pad
from emoji.training.nothing import KINDS, draw_nothing


def test_stored_weights_are_within_half_a_step_and_a_quarter_of_the_size() -> None:
    weights = {"w": torch.randn(64, 48, 3, 3) * torch.logspace(-3, 1, 64)[:, None, None, None], "b": torch.randn(64)}
    stored = compress(weights)
    again = expand(stored)
    assert set(again) == set(weights)
    step = weights["w"].flatten(1).abs().amax(1) / 127
    assert ((again["w"] - weights["w"]).flatten(1).abs() <= step[:, None] * 0.57).all()
    sizes = [sum(each.nbytes for each in tensors.values()) for tensors in (stored, weights)]
    assert sizes[0] < 0.27 * sizes[1]


def test_stored_twice_nothing_is_lost_again() -> None:
    once = expand(compress({"w": torch.randn(64, 48)}))
    torch.testing.assert_close(expand(compress(once))["w"], once["w"], atol=0, rtol=2e-3)


def test_what_was_never_compressed_is_handed_on() -> None:
    weights = {"w": torch.randn(64, 48).half(), "ids": torch.arange(5)}
    assert all(torch.equal(expand(weights)[name], weight) for name, weight in weights.items())


@pytest.mark.parametrize("size", [(64, 64), (32, 96)])
def test_autoencoder_maps_pictures_to_latents_and_back(size: tuple[int, int]) -> None:
    network = Autoencoder(width=16)
    network.mean.fill_(0.3)
    network.scale.fill_(2.0)
    latents = network.encode(torch.rand(2, 3, *size))
    assert latents.shape == (2, CHANNELS, size[0] // PIXELS_PER_LATENT, size[1] // PIXELS_PER_LATENT)
    assert network.decode(latents).shape == (2, 3, *size)
    raw = network.latent_encoder(torch.zeros(1, 3, *size))
    torch.testing.assert_close(network.encode(torch.zeros(1, 3, *size)), (raw - 0.3) * 2)


def test_text_network_reads_unknown_words_as_one_and_looks_back_alone() -> None:
    network = TextNetwork(torch.tensor([START, END, 320, 321])).eval()
    known, other, third = (network(pad(torch.tensor([[START, first, 321, END]]))) for first in (320, 5000, 6000))
    torch.testing.assert_close(other, third)
    assert not torch.allclose(known, other)
    later = network(pad(torch.tensor([[START, 320, 5000, END]])))
    torch.testing.assert_close(known[:, :2], later[:, :2])
    assert not torch.allclose(known[:, 2:], later[:, 2:])
    assert find_ends(pad(torch.tensor([[START, 320, END]]))).tolist() == [2]


def test_judge_says_how_sure_it_is_and_refuses_a_picture_without_a_batch() -> None:
    judge = Judge(width=8).eval()
    with torch.no_grad():
        judge.concept.bias[NONE] = 100.0
    verdicts = classify(judge, torch.rand(3, 128, 128, 3))
    assert verdicts.concepts.shape == (3, 5) and (verdicts.concepts[:, 0] == NONE).all() and (verdicts.sure > 0.9).all()
    with pytest.raises(ValueError, match=r"shape \(64, 64, 3\); expected \(n, H, W, 3\)"):
        classify(judge, torch.zeros(64, 64, 3))


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_of_nothing_are_pictures_and_repeat(kind: str) -> None:
    views = torch.rand(8, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    first, second = (draw_nothing(views, kind, torch.Generator().manual_seed(2)) for _ in "ab")
    assert torch.equal(first, second)
    assert first.shape == views.shape and first.abs().max() <= 1.1
    assert not torch.equal(first, draw_nothing(views, kind, torch.Generator().manual_seed(3))) or kind == "mixed"


def test_there_is_no_other_kind_of_nothing() -> None:
    with pytest.raises(ValueError, match="no kind of nothing is called 'void'; expected one of blank"):
        draw_nothing(torch.zeros(1, 3, 64, 64), "void", torch.Generator())
