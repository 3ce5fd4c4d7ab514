"""The host's models as functions that gradients run through: denoising, and encoding a prompt with free tokens.

The host makes its weights in inference mode, where nothing can be saved for a gradient, and moves, casts and patches
them as memory allows. So the weights are copied as a model's patches leave them, in float32, and the host's own modules
are called with the copies in their place. The classes here are made and called within `gradients_allowed()`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import comfy.model_management
import comfy.sample
import latent_preview
import torch
from comfy.ldm.modules.attention import attention_pytorch
from torch import Tensor
from torch.func import functional_call

from ..rece_core.models.text_model import OnStep
from .host import UNET, Progress
from .host_texts import MAX_WORDS
from .host_weights import list_shapes, read_weight

DRAWING_STEPS = 20
DRAWING_CFG = 6.0
MAX_PICTURES = 64
TOKEN_TABLE = "token_embedding.weight"
END_OF_WORD = "</w>"


@contextlib.contextmanager
def gradients_allowed() -> Iterator[None]:
    """Leave the inference mode that the host runs nodes in. Load none of its models meanwhile."""
    comfy.model_management.unload_all_models()  # a loaded one may add its patches within each layer's call
    with torch.inference_mode(False), torch.enable_grad():
        yield


class PreviewedProgress(Progress):
    """A progress bar that can show a latent beside it."""

    def __init__(self, steps: int, model: Any) -> None:
        super().__init__(steps)
        self._previewer = latent_preview.get_previewer(model.load_device, model.model.latent_format)

    def show(self, latents: Tensor) -> None:
        """Show the first of `latents` (b, c, h, w), where the user has previews switched on."""
        if self._previewer is not None:
            preview = self._previewer.decode_latent_to_preview_image("JPEG", latents)
            self._bar.update_absolute(self._bar.current, preview=preview)


def check_denoiser(model: Any) -> None:
    """ValueError for a model that reads more of the text than its tokens."""
    if model.model.adm_channels:
        raise ValueError(
            "this model also reads a pooled text embedding, which the attacks by gradient do not optimise. Use a model "
            "of the SD 1.x or SD 2.x family, or RECE Red Team."
        )


class Denoiser:
    """A MODEL as a function from noised latents and a text embedding to clean latents."""

    def __init__(self, model: Any) -> None:
        self.device = model.load_device
        self._network = model.get_model_object(UNET.removesuffix("."))
        self._weights = _copy_weights(model, UNET)
        self._sampling = model.get_model_object("model_sampling")
        self._options = model.model_options.get("transformer_options", {})

    @property
    def sigmas(self) -> Tensor:
        """The model's noise levels from the lowest to the highest, (t,)."""
        return self._sampling.sigmas.to(self.device, torch.float32, copy=True)

    def __call__(self, noised: Tensor, sigma: Tensor, text: Tensor) -> Tensor:
        """Clean latents (b, c, h, w) from noised ones, their noise levels (b,) and a text embedding (1, n, d)."""
        inputs = self._sampling.calculate_input(sigma, noised), self._sampling.timestep(sigma).float()
        # The attention that the user chose may know no gradients.
        options = {**self._options, "optimized_attention_override": _attend}
        more = {"context": text.to(noised).expand(len(noised), -1, -1), "transformer_options": options}
        output = functional_call(self._network, self._weights, inputs, more)
        return self._sampling.calculate_denoised(sigma, output, noised)


@dataclass(frozen=True)
class Frame:
    """A tokenized prompt with room for free tokens: what stands before and after them, for the text encoder `name`."""

    name: str
    before: Sequence[tuple[Any, float]]
    after: Sequence[tuple[Any, float]]
    words: Sequence[Any]


def make_room(clip: Any, prompt: str, count: int) -> Frame:
    """`prompt` with room for `count` tokens in front of it.

    Raises ValueError where they do not fit into one piece, and for a CLIP of several text encoders.
    """
    tokenized = clip.tokenize(prompt, return_word_ids=True, disable_weights=True)
    if len(tokenized) > 1:
        raise ValueError(
            f"this CLIP holds {len(tokenized)} text encoders ({', '.join(tokenized)}); expected one. Use a model of "
            "the SD 1.x or SD 2.x family, or RECE Red Team."
        )
    ((name, chunks),) = tokenized.items()
    words = [token for chunk in chunks for token, _, word in chunk if word > 0]
    if count + len(words) > MAX_WORDS:
        raise ValueError(
            f"{count} tokens before the {len(words)} of {prompt[:60]!r} make {count + len(words)}; expected at most "
            f"{MAX_WORDS} in all, what the text encoder reads in one piece. Ask for fewer, or shorten the target."
        )
    pairs = [(token, 1.0) for token, _, _ in chunks[0]]
    return Frame(name, pairs[:1], pairs[1 : len(pairs) - count], words)  # padding makes room for what is added


class FreeTokens:
    """A CLIP as a function from free tokens (k, e) to the text embedding (1, n, d) of a prompt that begins with them.

    table: the embeddings of all tokens (v, e).
    """

    def __init__(self, clip: Any, frame: Frame) -> None:
        clip.cond_stage_model.reset_clip_options()
        if clip.layer_idx is not None:
            clip.cond_stage_model.set_clip_options({"layer": clip.layer_idx})
        self._frame, self._encoder = frame, _Encoder(clip.cond_stage_model)
        self._weights = {f"encoder.{name}": weight for name, weight in _copy_weights(clip.patcher).items()}
        self.table = next(weight for name, weight in self._weights.items() if name.endswith(TOKEN_TABLE))

    def start(self, count: int) -> Tensor:
        """`count` tokens to begin with: the prompt's own words in turn, (count, e)."""
        words = self._frame.words
        return self.table[[words[index % len(words)] for index in range(count)]]

    def __call__(self, tokens: Tensor) -> Tensor:
        row = [*self._frame.before, *((token, 1.0) for token in tokens), *self._frame.after]
        return functional_call(self._encoder, self._weights, ({self._frame.name: [row]},))[0]


def list_words(clip: Any) -> dict[str, int]:
    """The tokenizer's plain words and their tokens: letters only, and each by itself a token again."""
    tokenizer = getattr(clip.tokenizer, clip.tokenizer.clip)
    ends = {name: token for token, name in tokenizer.inv_vocab.items() if name.endswith(END_OF_WORD)}
    plain = {name.removesuffix(END_OF_WORD): token for name, token in ends.items()}
    plain = {word: token for word, token in plain.items() if word.isascii() and word.isalpha()}
    encoded = tokenizer.tokenizer(list(plain))["input_ids"]
    return {word: plain[word] for word, tokens in zip(plain, encoded, strict=True) if tokens[1:-1] == [plain[word]]}


def encode_pictures(vae: Any, images: Tensor, model: Any) -> Tensor:
    """Latents (m, c, h, w), as `model` works on them, of `images` (m, H, W, 3) in 0..1.

    Raises ValueError for too many images, and for a size that the VAE would crop.
    """
    count, height, width = images.shape[:3]
    step = vae.spacial_compression_encode()
    if not 1 <= count <= MAX_PICTURES:
        raise ValueError(f"{count} images were given; expected 1 to {MAX_PICTURES} that show the target.")
    if height % step or width % step:
        raise ValueError(
            f"the images are {width} x {height} pixels; expected multiples of {step} on both sides. Resize or crop "
            "them to the size that the model draws at."
        )
    return model.model.process_latent_in(vae.encode(images[..., :3]))


def is_empty(latent: Any) -> bool:
    """Whether a LATENT holds no picture, only a number and a size; an absent one does not."""
    return latent is not None and not torch.count_nonzero(latent["samples"])


def draw_pictures(model: Any, positive: Any, negative: Any, latent: Any, seed: int, on_step: OnStep) -> Tensor:
    """Latents (m, c, h, w) that `model` draws, as many and as large as `latent`; or that itself, where it is not empty.

    `on_step` is called DRAWING_STEPS times where it draws.
    """
    samples = comfy.sample.fix_empty_latent_channels(model, latent["samples"])
    if is_empty(latent):
        noise = comfy.sample.prepare_noise(samples, seed)

        def tell(step: int, *_: Any) -> None:
            on_step(f"draw the target with the original: step {step + 1} of {DRAWING_STEPS}")

        plan = (DRAWING_STEPS, DRAWING_CFG, "euler", "normal")
        shown = {"callback": tell, "disable_pbar": True, "seed": seed}
        samples = comfy.sample.sample(model, noise, *plan, positive, negative, samples, **shown)
    return model.model.process_latent_in(samples)


class _Encoder(torch.nn.Module):
    """Makes a call of what the host encodes tokens with, which is no module's `forward`."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, tokens: Any) -> Any:
        return self.encoder.encode_token_weights(tokens)


def _copy_weights(model: Any, prefix: str = "") -> dict[str, Tensor]:
    """The weights of `model` below `prefix` with all patches, float32 on the device the host computes on."""
    return {name.removeprefix(prefix): read_weight(model, name) for name in list_shapes(model, prefix)}


def _attend(chosen: Any, *args: Any, **kwargs: Any) -> Tensor:
    return attention_pytorch(*args, **kwargs)
