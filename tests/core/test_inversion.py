"""Attacks by gradient on models small enough to know the answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from rece_core.attacks.inversion import InversionSettings, InversionStep, Vocabulary, invert, noise_pictures
from tests.core.pretend_device import pretend_device
from tests.core.random_models import deviation, randn

WIDTH, TOKENS, PIXELS = 6, 2, 20
SIGMAS = torch.linspace(0.1, 10, 50, dtype=torch.float64)
SETTINGS = InversionSettings(steps=300, learning_rate=0.1, batch_size=4, seed=1)


class LinearModel:
    """Draws what the text says, by a fixed matrix; `known` is the text of the pictures it is shown."""

    def __init__(self, seed: int = 0) -> None:
        self.weight = randn(seed, TOKENS * WIDTH, PIXELS)
        self.known = randn(seed + 1, TOKENS, WIDTH)

    @property
    def latents(self) -> Tensor:
        return self.draw(self.known).expand(3, -1)

    def draw(self, tokens: Tensor) -> Tensor:
        return tokens.flatten() @ self.weight

    def encode(self, tokens: Tensor) -> Tensor:
        return tokens[None]

    def denoise(self, noised: Tensor, sigma: Tensor, text: Tensor) -> Tensor:
        return self.draw(text).expand(len(noised), -1)

    def invert(self, start: Tensor, settings: InversionSettings = SETTINGS, **changes: object) -> list[InversionStep]:
        given = {"encode": self.encode, "denoise": self.denoise, **changes}
        return list(invert(start, latents=self.latents, sigmas=SIGMAS, settings=settings, **given))  # type: ignore[arg-type]


def test_a_known_embedding_is_found_again() -> None:
    model, start = LinearModel(), randn(5, TOKENS, WIDTH)
    assert deviation(start, model.known) > 0.5, "control"
    first, *_, last = model.invert(start)
    assert torch.equal(first.tokens, start)
    assert deviation(last.tokens, model.known) < 0.03
    assert last.loss < 1e-3 * first.loss


def test_a_model_that_does_not_read_the_text_gives_nothing_away() -> None:
    model, start = LinearModel(), randn(5, TOKENS, WIDTH)

    def ignore(noised: Tensor, sigma: Tensor, text: Tensor) -> Tensor:
        return noised + 0 * text.sum()

    *_, last = model.invert(start, denoise=ignore)
    assert torch.equal(last.tokens, start)


def test_a_known_word_is_found_again() -> None:
    model = LinearModel()
    vocabulary = Vocabulary([f"word{index}" for index in range(40)], randn(7, 40, WIDTH))
    model.known = vocabulary.embeddings[[17, 3]]
    start = vocabulary.embeddings[[0, 1]]
    first, *_, last = model.invert(start, project=vocabulary.project)
    assert vocabulary.spell(first.tokens) == "word0 word1", "control"
    assert vocabulary.spell(last.tokens) == "word17 word3"
    assert torch.equal(last.tokens, model.known)


def test_a_projection_picks_the_nearest_word() -> None:
    vocabulary = Vocabulary(["here", "there"], torch.tensor([[0.0, 0.0], [4.0, 0.0]]))
    tokens = torch.tensor([[1.9, 3.0], [2.1, -3.0], [4.0, 0.0]])
    assert vocabulary.spell(tokens) == "here there there"
    assert torch.equal(vocabulary.project(tokens), vocabulary.embeddings[[0, 1, 1]])
    assert torch.equal(vocabulary.project(vocabulary.embeddings), vocabulary.embeddings)


def test_the_best_is_kept() -> None:
    """With steps far too large the loss goes up and down; what is given back only gets better."""
    states = LinearModel().invert(randn(5, TOKENS, WIDTH), replace(SETTINGS, learning_rate=3.0))
    losses = [state.loss for state in states]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]


def test_networks_may_write_over_what_a_gradient_needs() -> None:
    model, start = LinearModel(), randn(5, TOKENS, WIDTH)

    def overwrite(tokens: Tensor) -> Tensor:
        text = tokens.exp()
        text += 1
        return text.sub_(1).log()[None]

    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        overwrite(start.clone().requires_grad_()).sum().backward()
    *_, last = model.invert(start, encode=overwrite)
    assert deviation(last.tokens, model.known) < 0.03


def test_nothing_of_the_callers_is_written_to() -> None:
    model, start = LinearModel(), randn(5, TOKENS, WIDTH)
    latents, sigmas = model.latents.clone(), SIGMAS.clone()
    before = start.clone()
    states = invert(start, model.encode, model.denoise, latents, sigmas, SETTINGS)
    for _ in range(3):
        next(states)  # cancelled in the middle
    del states
    assert torch.equal(start, before)
    assert not start.requires_grad
    assert torch.equal(latents, model.latents)
    assert torch.equal(sigmas, SIGMAS)


def test_noise_is_of_every_level_and_the_same_for_a_seed() -> None:
    latents = randn(0, 3, 4, 5, 5)
    one, other = (noise_pictures(latents, SIGMAS, 10, torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(one.noised, other.noised)
    levels = torch.searchsorted(SIGMAS, one.sigma)
    assert torch.equal(levels // 5, torch.arange(10)), "ten pictures, fifty levels: one in every five"
    noise = (one.noised - one.clean) / one.sigma.view(-1, 1, 1, 1)
    assert float(noise.std()) == pytest.approx(1, abs=0.1)


def test_the_loss_is_that_of_the_noise() -> None:
    pictures = noise_pictures(randn(0, 3, 4, 5, 5), SIGMAS, 8, torch.Generator().manual_seed(4))
    noise = (pictures.noised - pictures.clean) / pictures.sigma.view(-1, 1, 1, 1)
    assert float(pictures.loss(pictures.clean)) == 0
    assert float(pictures.loss(pictures.noised)) == pytest.approx(float(noise.square().mean()))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, r"steps is 0; expected 1 or more"),
        ({"batch_size": -1}, r"batch size is -1; expected 1 or more"),
        ({"learning_rate": 0.0}, r"learning rate is 0\.0; expected a finite number above 0"),
        ({"learning_rate": float("nan")}, r"learning rate is nan"),
    ],
)
def test_settings_that_make_no_sense(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SETTINGS, **changes)


def test_on_a_device_it_finds_what_it_finds_on_the_cpu() -> None:
    settings = replace(SETTINGS, steps=20)
    expected = LinearModel().invert(randn(5, TOKENS, WIDTH), settings)
    with pretend_device() as device:
        model = LinearModel()
        model.weight, model.known = model.weight.to(device), model.known.to(device)
        found = model.invert(randn(5, TOKENS, WIDTH).to(device), settings)
        for one, other in zip(found, expected, strict=True):
            assert torch.equal(one.tokens.cpu(), other.tokens)
            assert one.loss == other.loss
