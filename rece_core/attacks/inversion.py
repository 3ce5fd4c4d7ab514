"""Attacks by gradient: pseudo-tokens optimised through an erased model until they denoise pictures of the target.

Concept inversion (arXiv 2308.01508) lets the tokens be anything. P4D (arXiv 2309.06135) and UnlearnDiffAtk (arXiv
2310.11868) look for words instead, here by projected gradients (PEZ, arXiv 2302.03668): the loss is taken at the
nearest words, its gradient moves the tokens behind them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

JUDGED = 16  # noised pictures that every candidate is compared on
JUDGE_EVERY = 5  # steps

Encode = Callable[[Tensor], Tensor]  # pseudo-tokens (k, e) to all that the model reads of a text, (1, …)
Denoise = Callable[[Tensor, Tensor, Tensor], Tensor]  # noised (b, …), σ (b,), text (1, …) to clean (b, …)
Project = Callable[[Tensor], Tensor]  # tokens (k, e) to the nearest that are allowed


@dataclass(frozen=True)
class InversionSettings:
    """steps; learning_rate, as a share of the root mean square of the starting tokens; pictures a step; seed."""

    steps: int = 200
    learning_rate: float = 0.1
    batch_size: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in (("steps", self.steps), ("batch size", self.batch_size)):
            if value < 1:
                raise ValueError(f"{name} is {value}; expected 1 or more.")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f"learning rate is {self.learning_rate}; expected a finite number above 0.")


@dataclass(frozen=True)
class NoisedPictures:
    """Clean latents (b, …), the same with noise, and how much of it: x + σ ε with σ (b,)."""

    clean: Tensor
    noised: Tensor
    sigma: Tensor

    def loss(self, denoised: Tensor) -> Tensor:
        """The loss diffusion models are trained on (DDPM, arXiv 2006.11239, eq. 14): mean ‖ε − ε̂‖², a scalar."""
        return ((denoised - self.clean) / _as_column(self.sigma, self.clean)).square().mean()


@dataclass(frozen=True)
class InversionStep:
    """Where the optimisation stands: steps taken, the best tokens so far (k, e) and their loss, the last denoising."""

    step: int
    loss: float
    tokens: Tensor
    denoised: Tensor


class Vocabulary:
    """The words that a prompt may be made of, with their token embeddings (v, e), one a word."""

    def __init__(self, words: Sequence[str], embeddings: Tensor) -> None:
        self.words, self.embeddings = words, embeddings

    def project(self, tokens: Tensor) -> Tensor:
        """The embedding of the word nearest to each of `tokens` (k, e): (k, e)."""
        return self.embeddings[self._find_nearest(tokens)]

    def spell(self, tokens: Tensor) -> str:
        """The words nearest to `tokens` (k, e), as text."""
        return " ".join(self.words[index] for index in self._find_nearest(tokens).tolist())

    def _find_nearest(self, tokens: Tensor) -> Tensor:
        return torch.cdist(tokens[None], self.embeddings[None])[0].argmin(1)


def noise_pictures(latents: Tensor, sigmas: Tensor, count: int, generator: torch.Generator) -> NoisedPictures:
    """`count` of `latents` (m, …) under noise of a random level each, the levels spread evenly over `sigmas` (t,).

    The generator lives on the CPU, so that a seed means the same on every device.
    """
    picked = torch.randint(len(latents), (count,), generator=generator)
    share = (torch.arange(count) + torch.rand(count, generator=generator)) / count
    sigma = sigmas[(share * len(sigmas)).long().clamp_(max=len(sigmas) - 1).to(sigmas.device)].to(latents)
    clean = latents[picked.to(latents.device)]
    noise = torch.randn(clean.shape, generator=generator).to(clean)
    return NoisedPictures(clean, clean + _as_column(sigma, clean) * noise, sigma)


def invert(
    start: Tensor,
    encode: Encode,
    denoise: Denoise,
    latents: Tensor,
    sigmas: Tensor,
    settings: InversionSettings,
    project: Project | None = None,
) -> Iterator[InversionStep]:
    """Optimise pseudo-tokens from `start` (k, e), yielding where it stands before the first step and after each.

    latents: pictures of the target, (m, …). sigmas: the model's noise levels, (t,). Candidates are compared by their
    loss on the same noised pictures. Nothing of the caller's is written to; to cancel, do not ask for the next step.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    judged = noise_pictures(latents, sigmas, JUDGED, generator)
    soft = start.detach().clone()
    size = float(soft.square().mean().sqrt())
    optimiser = torch.optim.Adam([soft], lr=settings.learning_rate * size)
    best = _Best(encode, denoise, judged, settings.batch_size)
    best.consider(soft if project is None else project(soft))
    yield InversionStep(0, best.loss, best.tokens, judged.clean)
    for step in range(1, settings.steps + 1):
        tokens = soft if project is None else project(soft)
        pictures = noise_pictures(latents, sigmas, settings.batch_size, generator)
        soft.grad, denoised = _find_gradient(tokens, encode, denoise, pictures)
        optimiser.step()
        if step % JUDGE_EVERY == 0 or step == settings.steps:
            best.consider(soft if project is None else project(soft))
        yield InversionStep(step, best.loss, best.tokens, denoised)


class _Best:
    """The best tokens seen so far."""

    def __init__(self, encode: Encode, denoise: Denoise, judged: NoisedPictures, batch_size: int) -> None:
        self._encode, self._denoise, self._judged, self._batch_size = encode, denoise, judged, batch_size
        self.loss = math.inf
        self.tokens = torch.empty(0)
        self._latest: Tensor | None = None

    @torch.no_grad()
    def consider(self, tokens: Tensor) -> None:
        if self._latest is not None and torch.equal(tokens, self._latest):
            return
        self._latest = tokens.clone()
        text = self._encode(tokens)
        parts = zip(*(part.split(self._batch_size) for part in (self._judged.noised, self._judged.sigma)), strict=True)
        loss = float(self._judged.loss(torch.cat([self._denoise(noised, sigma, text) for noised, sigma in parts])))
        if loss < self.loss:
            self.loss, self.tokens = loss, self._latest


@torch.enable_grad()
def _find_gradient(tokens: Tensor, encode: Encode, denoise: Denoise, pictures: NoisedPictures) -> tuple[Tensor, Tensor]:
    """The gradient of the loss with respect to `tokens`, and the denoised pictures."""
    with torch.no_grad():
        text = encode(tokens)
    denoised = denoise(pictures.noised, pictures.sigma, text.requires_grad_())
    (pull,) = torch.autograd.grad(pictures.loss(denoised), text)
    tokens = tokens.detach().requires_grad_()
    # Text encoders written for inference write over what a gradient needs, which is then copied first. That is slow,
    # so it is done for them alone: they are small, and run a second time here.
    with torch.autograd.graph.allow_mutation_on_saved_tensors():
        (gradient,) = torch.autograd.grad(encode(tokens), tokens, pull)
    return gradient, denoised.detach()


def _as_column(sigma: Tensor, like: Tensor) -> Tensor:
    return sigma.view(-1, *[1] * (like.ndim - 1))
