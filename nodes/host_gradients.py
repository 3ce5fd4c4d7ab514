"""The host's models as functions that gradients run through: denoising; for encoding see `host_free_tokens`.

The host makes its weights in inference mode, where nothing can be saved for a gradient, and moves, casts and patches
them as memory allows. So the weights are copied as a model's patches leave them, in float32, and the host's own modules
are called with the copies in their place. The classes here are made and called within `gradients_allowed()`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import comfy.model_management
import comfy.model_sampling
import comfy.sample
import latent_preview
import torch
from comfy.ldm.modules.attention import attention_pytorch
from torch import Tensor
from torch.func import functional_call

from ..rece_core.models.text_model import POOLED, TOKENS
from ..rece_core.progress import Progress
from .host import NodeBar
from .host_weights import DIFFUSION_MODEL, copy_weights

DRAWING_STEPS = 20
DRAWING_CFG = 6.0
MAX_PICTURES = 64
PIXELS = 8  # to each number of a latent, in width and height


@contextlib.contextmanager
def gradients_allowed() -> Iterator[None]:
    """Leave the inference mode that the host runs nodes in. Load none of its models meanwhile."""
    comfy.model_management.unload_all_models()  # a loaded one may add its patches within each layer's call
    with torch.inference_mode(False), torch.enable_grad():
        yield


class PreviewedBar(NodeBar):
    """A progress bar that can show a latent beside it."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._previewer = latent_preview.get_previewer(model.load_device, model.model.latent_format)

    def show_latents(self, latents: Tensor) -> None:
        """Show the first of `latents` (b, c, h, w), where the user has previews switched on."""
        if self._previewer is not None:
            self.preview(self._previewer.decode_latent_to_preview_image("JPEG", latents))


def check_denoiser(model: Any, cond_inputs: Collection[str]) -> None:
    """ValueError for a model that gradients are not run through here; `cond_inputs`: what it reads of the text."""
    if not set(cond_inputs) <= {TOKENS, POOLED}:
        raise ValueError(
            f"this model reads the conditioning inputs {', '.join(cond_inputs)} of the text; the attacks by gradient "
            f"know {TOKENS} and "
            f"{POOLED}. Use a model of the SD 1.x, SD 2.x or SDXL family, or RECE Red Team."
        )
    if model.model.adm_channels and POOLED not in cond_inputs:
        raise ValueError(
            "this model also reads a picture, or how noisy one is, which the attacks by gradient do not give it. Use a "
            "model of the SD 1.x, SD 2.x or SDXL family, or RECE Red Team."
        )
    if isinstance(model.get_model_object("model_sampling"), comfy.model_sampling.CONST):
        raise ValueError(
            "this is a flow model, whose pictures are mixed with noise in another way than the attacks by gradient do. "
            "Use a model of the SD 1.x, SD 2.x or SDXL family, or RECE Red Team."
        )


def join_embeddings(tokens: Tensor, pooled: Tensor | None) -> Tensor:
    """All that a model reads of a text as one row, (1, n d + p): `tokens` (1, n, d), then `pooled` (1, p)."""
    return tokens.flatten(1) if pooled is None else torch.cat([tokens.flatten(1), pooled.to(tokens)], 1)


def split_embeddings(text: Tensor, width: int, rows: int) -> tuple[Tensor, Tensor | None]:
    """The tokens (1, rows, width) and the pooled embedding, None where there is none, that were joined to `text`."""
    tokens, pooled = text[:, : rows * width], text[:, rows * width :]
    return tokens.unflatten(1, (rows, width)), pooled if pooled.shape[1] else None


class Denoiser:
    """A MODEL as a function from noised latents and a text, see `join_embeddings`, to clean latents."""

    def __init__(self, model: Any, shape: Sequence[int]) -> None:
        """`shape`: (n, d) of the tokens."""
        self.device = model.load_device
        self._rows, self._width = shape
        self._base = model.model
        self._network = model.get_model_object(DIFFUSION_MODEL.removesuffix("."))
        self._weights = copy_weights(model, DIFFUSION_MODEL)
        self._sampling = model.get_model_object("model_sampling")
        self._options = model.model_options.get("transformer_options", {})

    @property
    def sigmas(self) -> Tensor:
        """The model's noise levels from the lowest to the highest, (t,)."""
        return self._sampling.sigmas.to(self.device, torch.float32, copy=True)

    def __call__(self, noised: Tensor, sigma: Tensor, text: Tensor) -> Tensor:
        """Clean latents (b, c, h, w) from noised ones, their noise levels (b,) and a text (1, n d + p)."""
        tokens, pooled = split_embeddings(text.to(noised), self._width, self._rows)
        inputs = self._sampling.calculate_input(sigma, noised), self._sampling.timestep(sigma).float()
        # The attention that the user chose may know no gradients.
        options = {**self._options, "optimized_attention_override": _attend}
        more = {"context": tokens.expand(len(noised), -1, -1), "transformer_options": options}
        if pooled is not None:
            more["y"] = self._make_label(noised, pooled).expand(len(noised), -1)
        output = functional_call(self._network, self._weights, inputs, more)
        return self._sampling.calculate_denoised(sigma, output, noised)

    def _make_label(self, noised: Tensor, pooled: Tensor) -> Tensor:
        """What the host joins the pooled embedding to, such as the size of the picture; (1, a)."""
        height, width = (size * PIXELS for size in noised.shape[-2:])
        return self._base.encode_adm(pooled_output=pooled, height=height, width=width).to(noised)


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


def draw_pictures(model: Any, positive: Any, negative: Any, latent: Any, seed: int, progress: Progress) -> Tensor:
    """Latents (m, c, h, w) that `model` draws, as many and as large as `latent`; or that itself, where it is not empty.

    `progress` shows each step of drawing.
    """
    samples = comfy.sample.fix_empty_latent_channels(model, latent["samples"])
    if is_empty(latent):
        noise, on_step = comfy.sample.prepare_noise(samples, seed), progress.count(DRAWING_STEPS)

        def tell(step: int, *_: Any) -> None:
            on_step(f"draw the target with the original: step {step + 1} of {DRAWING_STEPS}")

        plan = (DRAWING_STEPS, DRAWING_CFG, "euler", "normal")
        shown = {"callback": tell, "disable_pbar": True, "seed": seed}
        samples = comfy.sample.sample(model, noise, *plan, positive, negative, samples, **shown)
    return model.model.process_latent_in(samples)


def _attend(chosen: Any, *args: Any, **kwargs: Any) -> Tensor:
    return attention_pytorch(*args, **kwargs)
