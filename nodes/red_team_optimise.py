"""RECE Red Team Optimise: attacks by gradient on a model that was made to forget."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..rece_core.attacks.inversion import Encode, InversionSettings, InversionStep, Vocabulary, invert
from ..rece_core.erasing.measures import measure_norm_ratio
from ..rece_core.models.text_model import POOLED, TOKENS
from ..rece_core.progress import OnStep, Progress
from .attack_model import attacked_inputs, encode_target
from .host import HostModel, show_on_node
from .host_free_tokens import Frame, FreeTokens, list_words, make_room
from .host_gradients import (
    DRAWING_STEPS,
    Denoiser,
    PreviewedBar,
    check_denoiser,
    draw_pictures,
    encode_pictures,
    gradients_allowed,
    is_empty,
    join_embeddings,
    split_embeddings,
)
from .host_memory import explain_out_of_memory
from .host_texts import Prompt, encode_prompt
from .optional_widgets import optional_widgets
from .types import CATEGORY

INVERSION, WORDS, EMBEDDING = "concept inversion", "discrete tokens", "free embedding"
LEARNING_RATES = {INVERSION: 0.1, WORDS: 1.0, EMBEDDING: 0.02}
PREVIEW_EVERY = 10  # steps


@optional_widgets
class ReceRedTeamOptimise(io.ComfyNode):
    """Needs pictures of the target, or the original model to draw them."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ReceRedTeamOptimise",
            display_name="RECE Red Team Optimise",
            category=CATEGORY,
            description="Attacks a model that was made to forget, by gradient: looks for tokens with which it knows "
            "pictures of the target again. The strongest attacks, and the slowest.",
            inputs=[*attacked_inputs(), *_search_inputs(), *_picture_inputs()],
            outputs=[
                io.Conditioning.Output(
                    display_name="conditioning",
                    tooltip="The attack: connect it to a KSampler as positive, with the model under test.",
                ),
                io.String.Output(
                    display_name="prompt",
                    tooltip="What 'discrete tokens' found, as a prompt that anybody could type. Empty for the other "
                    "attacks, whose tokens are no words.",
                ),
                io.String.Output(display_name="measures", tooltip="The measures as text."),
                io.Float.Output(
                    display_name="loss",
                    tooltip="How badly the model under test removes noise from the pictures with the attack. Lower: it "
                    "knows them better. For the same pictures and seed the noise is the same, so attacks compare.",
                ),
            ],
        )

    @classmethod
    @explain_out_of_memory(
        "lower batch_size", "use a smaller latent or fewer pictures", "use RECE Red Team, which needs no gradients"
    )
    def execute(
        cls,
        model,
        model_under_test,
        clip,
        target,
        attack,
        tokens,
        steps,
        learning_rate,
        batch_size,
        seed,
        latent=None,
        images=None,
        vae=None,
    ) -> io.NodeOutput:
        settings = InversionSettings(steps, learning_rate or LEARNING_RATES[attack], batch_size, seed)
        described = HostModel(model_under_test).described
        check_denoiser(model_under_test, described.cond_inputs)
        prompt = encode_target(clip, target, described)
        frame = None if attack == EMBEDDING else make_room(clip, target, tokens)
        words = list_words(clip, frame) if frame is not None and attack == WORDS else {}
        pooled = prompt.cond_inputs[POOLED].tokens if POOLED in described.cond_inputs else None
        bar = PreviewedBar(model_under_test)
        drawing, searching = Progress(bar).split(DRAWING_STEPS if images is None and is_empty(latent) else 0, steps)
        latents = _find_latents(model, clip, prompt, latent, images, vae, seed, drawing)
        with gradients_allowed():
            rows, width = prompt.encoded.tokens.shape
            denoiser = Denoiser(model_under_test, (rows, width))
            search = _begin(clip, frame, prompt, pooled, tokens, words)
            latents = latents.to(denoiser.device, copy=True)
            states = invert(search.start, search.encode, denoiser, latents, denoiser.sigmas, settings, search.project)
            first, last = _follow(states, searching.count(steps + 1), steps, bar)
            embedding, found_pooled = split_embeddings(search.encode(last.tokens), width, rows)
        found = f"{search.vocabulary.spell(last.tokens)} {target}" if search.vocabulary else ""
        ratio = measure_norm_ratio(prompt.encoded.tokens, embedding[0])
        text = (
            f"{target!r} by {found or attack!r}: loss {last.loss:.4f}, {first.loss:.4f} at the start, "
            f"at {ratio:.2f} x the usual norm"
        )
        found_inputs = {TOKENS: embedding[0], **({} if found_pooled is None else {POOLED: found_pooled})}
        conditioning = prompt.replaced(found_inputs).to_conditioning()
        return io.NodeOutput(conditioning, found, text, last.loss, ui=show_on_node(text))


@dataclass(frozen=True)
class _Search:
    """What is optimised: tokens to start from, how they become a text embedding, the words they are kept to."""

    start: Tensor
    encode: Encode
    vocabulary: Vocabulary | None = None

    @property
    def project(self) -> Any:
        return self.vocabulary and self.vocabulary.project


def _begin(
    clip: Any, frame: Frame | None, prompt: Prompt, pooled: Tensor | None, count: int, words: dict[str, int]
) -> _Search:
    """Without a `frame` the embedding itself is optimised; with `words` the pooled one follows from those chosen."""
    if frame is None:
        return _Search(prompt.encoded.tokens.clone(), lambda tokens: join_embeddings(tokens[None], pooled))
    free = FreeTokens(clip, frame, pooled, follow=bool(words))
    vocabulary = Vocabulary(list(words), free.table[list(words.values())]) if words else None
    return _Search(free.start(count), free, vocabulary)


def _follow(
    states: Iterator[InversionStep], on_step: OnStep, steps: int, bar: PreviewedBar
) -> tuple[InversionStep, InversionStep]:
    """The first and the last of `states`, with progress told at each."""
    first = last = next(states)
    for last in chain([first], states):
        on_step(f"step {last.step} of {steps}: loss {last.loss:.4f}")
        if last.step % PREVIEW_EVERY == 0:
            bar.show_latents(last.denoised)
    return first, last


def _find_latents(
    model: Any, clip: Any, prompt: Prompt, latent: Any, images: Any, vae: Any, seed: int, progress: Progress
) -> Tensor:
    if images is not None:
        if vae is None:
            raise ValueError("images are connected, but no VAE to encode them. Connect the VAE of the model.")
        return encode_pictures(vae, images, model)
    if latent is None:
        raise ValueError(
            "no pictures of the target are connected. Connect images and a VAE, or an empty latent of the size and "
            "number that the original model shall draw."
        )
    positive, negative = (each.to_conditioning() for each in (prompt, encode_prompt(clip, "")))
    return draw_pictures(model, positive, negative, latent, seed, progress)


def _search_inputs() -> list[io.Input]:
    return [
        io.Combo.Input(
            "attack",
            options=[INVERSION, WORDS, EMBEDDING],
            default=INVERSION,
            tooltip="'concept inversion': free tokens before the target, anything the text encoder can read. 'discrete "
            "tokens': words before the target, which gives a prompt to read. 'free embedding': past the text encoder, "
            "every number that the model reads; the strongest.",
        ),
        io.Int.Input(
            "tokens",
            default=4,
            min=1,
            max=74,
            tooltip="How many tokens are put before the target. More: stronger, and further from the target's words. "
            "Has no effect on 'free embedding'.",
        ),
        io.Int.Input("steps", default=200, min=1, max=10000, tooltip="Optimisation steps. More: stronger and slower."),
        io.Float.Input(
            "learning_rate",
            default=0.0,
            min=0.0,
            max=10.0,
            step=0.0001,
            round=0.0000001,
            tooltip="Size of a step, as a share of the tokens' usual size. Higher: moves faster, and may overshoot. 0: "
            "what suits the attack, which is 0.1 for free tokens, 1 for words, 0.02 for a free embedding.",
        ),
        io.Int.Input(
            "batch_size",
            default=4,
            min=1,
            max=64,
            tooltip="Pictures a step. Higher: steadier, slower, and more memory.",
        ),
        io.Int.Input(
            "seed",
            default=0,
            min=0,
            max=0xFFFFFFFFFFFFFFFF,
            control_after_generate=True,
            tooltip="Noise of the steps, and of the pictures that the original draws.",
        ),
    ]


def _picture_inputs() -> list[io.Input]:
    return [
        io.Latent.Input(
            "latent",
            optional=True,
            tooltip="Where no images are connected: an empty latent, for the number and size of pictures that the "
            "original model draws of the target; or pictures of the target as latents.",
        ),
        io.Image.Input(
            "images",
            optional=True,
            tooltip="Pictures of the target, 1 to 64, of the size that the model draws at. Connect the VAE too.",
        ),
        io.Vae.Input("vae", optional=True, tooltip="The VAE that belongs to the models, for images."),
    ]
