"""The table of model families: which of their weights read which conditioning input, and what comes before them.

Names are the host's own, without the prefix of the diffusion model. A row is tried after those above it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class TextPreprocessor:
    """A step between a text encoder and the text entries that read its embedding; see `preprocess`.

    kind: `rms` (root mean square norm), `layer` (layer norm), `mlp` (two linear layers), `pool` (the mean put first,
    then positions added). weights: names of the model's weights it needs, in the order its kind reads them. eps: of a
    norm. source: the encoder's embedding that it is made from, where it is named otherwise.
    """

    kind: str
    weights: tuple[str, ...]
    eps: float = 0.0
    source: str | None = None


def preprocess(preprocessor: TextPreprocessor, tokens: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
    """What the text entries read of `tokens` (n, d): (n, d'), or (n + 1, d) for `pool`, in the type of `tokens`.

    `weights`: at least those that `preprocessor.weights` names. Raises ValueError naming one that is missing.
    """
    missing = [name for name in preprocessor.weights if name not in weights]
    if missing:
        raise ValueError(
            f"the text passes {missing[0]} before this model's text entries read it, but that weight was not given. "
            f"Expected all of {', '.join(preprocessor.weights)}."
        )
    return KINDS[preprocessor.kind](
        tokens, [weights[name].to(tokens) for name in preprocessor.weights], preprocessor.eps
    )


def undo_preprocessing(preprocessor: TextPreprocessor, tokens: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
    """Embeddings (n, d) that come as close to `tokens` behind the preprocessor as any can; see `can_undo`.

    A norm gives every row the same size, so that of each row of `tokens` is lost: its direction comes back.
    """
    assert can_undo(preprocessor)
    (scale,) = (weights[name].to(tokens) for name in preprocessor.weights)
    return torch.where(scale == 0, 0, tokens / scale)


def can_undo(preprocessor: TextPreprocessor) -> bool:
    """Whether what comes behind the preprocessor says what came before it."""
    return preprocessor.kind == "rms" and preprocessor.source is None


def _normalise_rms(tokens: Tensor, weights: Sequence[Tensor], eps: float) -> Tensor:
    return functional.rms_norm(tokens, tokens.shape[-1:], weights[0], eps)


def _normalise_layer(tokens: Tensor, weights: Sequence[Tensor], eps: float) -> Tensor:
    return functional.layer_norm(tokens, tokens.shape[-1:], weights[0], weights[1], eps)


def _pass_mlp(tokens: Tensor, weights: Sequence[Tensor], eps: float) -> Tensor:
    hidden = functional.silu(functional.linear(tokens, weights[0], weights[1]))
    return functional.linear(hidden, weights[2], weights[3])


def _pool(tokens: Tensor, weights: Sequence[Tensor], eps: float) -> Tensor:
    positions = weights[0]
    tokens = tokens[: len(positions) - 1]
    return torch.cat([tokens.mean(0, keepdim=True), tokens]) + positions[: len(tokens) + 1]


KINDS: Mapping[str, Callable[[Tensor, Sequence[Tensor], float], Tensor]] = {
    "rms": _normalise_rms,
    "layer": _normalise_layer,
    "mlp": _pass_mlp,
    "pool": _pool,
}


LLAMA_LAYERS = 32  # of HiDream's language model; blocks beyond as many read the last


@dataclass(frozen=True)
class Reader:
    """Weights that read one conditioning input, by the pattern their whole name matches.

    role: `key`, `value` or `input`, see `text_entries.TextEntry`. columns: (start, stop) of those that read the
    conditioning input, where the weight reads something else too; `total` is then how many columns it must have, since
    the same name reads other things in other models. oblong: only those with more or fewer columns than rows.
    name_input: where each of several numbered weights has a conditioning input of its own, its name from the number in
    the pattern's group `index` and how many there are.
    """

    pattern: str
    role: str = "input"
    cond_input: str = "tokens"
    columns: tuple[int, int] | None = None
    total: int | None = None
    oblong: bool = False
    name_input: Callable[[int, int], str] | None = None


@dataclass(frozen=True)
class Layout:
    """A family: every pattern of `marks` is found in it; `refusal` says why it can't be edited, where it can't.

    width: of the embedding that the first reader reads, where marks alone don't distinguish families. preprocessors: by
    conditioning input, used where the model has their weights. joins: conditioning inputs whose rows, after
    preprocessing, the weights of another conditioning input read along with its own.
    """

    name: str
    marks: tuple[str, ...]
    readers: tuple[Reader, ...] = ()
    width: int | None = None
    preprocessors: tuple[tuple[str, TextPreprocessor], ...] = ()
    joins: tuple[tuple[str, str], ...] = ()
    refusal: str = ""


def _name_hidream_input(index: int, count: int) -> str:
    """The last projection reads T5, each before it one layer of the language model."""
    return "tokens" if index == count - 1 else f"llama.{min(index, LLAMA_LAYERS - 1)}"


def _input(name: str, cond_input: str = "tokens") -> Reader:
    return Reader(re.escape(f"{name}.weight"), cond_input=cond_input)


def _rms(name: str, eps: float, cond_input: str = "tokens") -> tuple[str, TextPreprocessor]:
    return cond_input, TextPreprocessor("rms", (name,), eps)


# `attn2` is cross-attention to the text; `attn1` is self-attention, a square one, or else reads the text too, as in
# the x4 upscaler.
CROSS_ATTENTION = (
    Reader(r".*\.attn2\.to_k\.weight", "key"),
    Reader(r".*\.attn2\.to_v\.weight", "value"),
    Reader(r".*\.attn1\.to_k\.weight", "key", oblong=True),
    Reader(r".*\.attn1\.to_v\.weight", "value", oblong=True),
)
UNET_MARKS = (r"(.*\.)?transformer_blocks\.\d+\.attn2\.to_k\.weight",)
SDXL_POOLED = Reader(r"label_emb\.0\.0\.weight", cond_input="pooled", columns=(0, 1280), total=1280 + 6 * 256)
REFINER_POOLED = Reader(r"label_emb\.0\.0\.weight", cond_input="pooled", columns=(0, 1280), total=1280 + 5 * 256)
TEXT_IN = (r"txt_norm\.(weight|scale)", r"txt_in\.weight")
IMAGE_AND_POOLED = (_input("txt_in"), _input("vector_in.in_layer", "pooled"))
QWEN_IMAGE = (*TEXT_IN, r"transformer_blocks\.0\.txt_mlp\.net\..*")
LUMINA = (r"cap_embedder\.1\.weight", r"context_refiner\.0\..*")
LUMINA_TEXT = (_input("cap_embedder.1"), _input("clip_text_pooled_proj.1", "pooled"))
LUMINA_NORMS = (_rms("cap_embedder.0.weight", 1e-5), _rms("clip_text_pooled_proj.0.weight", 1e-5, "pooled"))
PIXELDIT_TEXT = (Reader(r"(core\.)?y_embedder\.proj\.weight"),)
OMNIGEN = (r"time_caption_embed\.caption_embedder\.1\.weight",)
OMNIGEN_TEXT = (_input("time_caption_embed.caption_embedder.1"),)
OMNIGEN_NORM = (_rms("time_caption_embed.caption_embedder.0.weight", 1e-5),)
TXT_NORM = (_rms("txt_norm.weight", 1e-6), _rms("txt_norm.scale", 1e-6))

REFUSED = (
    Layout("Stable Video Diffusion", (r".*\.time_stack\..*",), refusal="it reads a picture where others read a text"),
    Layout(
        "Anima",
        (r"llm_adapter\..*",),
        refusal="its text passes a transformer of its own, beside a second text, before the weights that read it",
    ),
    Layout(
        "LTX-Video with audio",
        (r"audio_patchify_proj\..*",),
        refusal="its text passes transformers of its own before the weights that read it",
    ),
    Layout(
        "SD3 with a context processor",
        (r"context_processor\..*",),
        refusal="its text passes a transformer of its own before the weights that read it",
    ),
)

# Models whose weights are named and shaped as in a family that reads text, by what the host calls them.
READ_PICTURES = ("Stable_Zero123",)

LAYOUTS = (
    *REFUSED,
    Layout(
        "SD3",
        (r"joint_blocks\.0\..*", r"context_embedder\.weight"),
        (_input("context_embedder"), _input("y_embedder.mlp.0", "pooled")),
    ),
    Layout("AuraFlow", (r"cond_seq_linear\.weight",), (_input("cond_seq_linear"),)),
    Layout("PixArt", (r"y_embedder\.y_proj\.fc1\.weight",), (_input("y_embedder.y_proj.fc1"),)),
    Layout(
        "HunyuanDiT",
        (r"mlp_t5\.0\.weight", r"blocks\.0\.attn2\.kv_proj\.weight"),
        (
            Reader(r"blocks\.\d+\.attn2\.kv_proj\.weight"),
            Reader(r"pooler\.[qkv]_proj\.weight", cond_input="t5_pooled"),
        ),
        preprocessors=(
            ("t5", TextPreprocessor("mlp", ("mlp_t5.0.weight", "mlp_t5.0.bias", "mlp_t5.2.weight", "mlp_t5.2.bias"))),
            ("t5_pooled", TextPreprocessor("pool", ("pooler.positional_embedding",), source="t5_padded")),
        ),
        joins=(("t5", "tokens"),),
    ),
    Layout("Chroma", (r"distilled_guidance_layer\..*", r"txt_in\.weight"), (_input("txt_in"),)),
    Layout(
        "HunyuanVideo",
        (r"txt_in\.input_embedder\.weight",),
        (
            _input("txt_in.input_embedder"),
            _input("txt_in.c_embedder.in_layer"),
            _input("vector_in.in_layer", "pooled"),
            _input("byt5_in.fc1", "byt5"),
        ),
        preprocessors=(
            ("byt5", TextPreprocessor("layer", ("byt5_in.layernorm.weight", "byt5_in.layernorm.bias"), 1e-5)),
        ),
    ),
    Layout("Flux.2", (r"double_stream_modulation_img\.lin\.weight", r"txt_in\.weight"), (_input("txt_in"),)),
    Layout("Flux.1", (r"vector_in\.in_layer\.weight", r"txt_in\.weight"), IMAGE_AND_POOLED, preprocessors=TXT_NORM),
    Layout("Ovis-Image", (r"double_blocks\.0\..*", *TEXT_IN), (_input("txt_in"),), width=2048, preprocessors=TXT_NORM),
    Layout("LongCat-Image", (r"double_blocks\.0\..*", r"txt_in\.weight"), IMAGE_AND_POOLED, preprocessors=TXT_NORM),
    Layout("Mage-Flow", QWEN_IMAGE, (_input("txt_in"),), width=2560, preprocessors=TXT_NORM),
    Layout("Qwen-Image", QWEN_IMAGE, (_input("txt_in"),), preprocessors=TXT_NORM),
    Layout("Z-Image", LUMINA, LUMINA_TEXT, width=2560, preprocessors=LUMINA_NORMS),
    Layout("Lumina 2", LUMINA, LUMINA_TEXT, preprocessors=LUMINA_NORMS),
    Layout(
        "HiDream",
        (r"caption_projection\.0\.linear\.weight",),
        (
            Reader(r"caption_projection\.(?P<index>\d+)\.linear\.weight", name_input=_name_hidream_input),
            _input("p_embedder.pooled_embedder.linear_1", "pooled"),
        ),
    ),
    Layout(
        "Stable Cascade C",
        (r"clip_txt_mapper\.weight", r"clip_txt_pooled_mapper\.weight"),
        (_input("clip_txt_mapper"), _input("clip_txt_pooled_mapper", "pooled")),
    ),
    Layout("Stable Cascade B", (r"effnet_mapper\..*", r"clip_mapper\.weight"), (_input("clip_mapper", "pooled"),)),
    Layout(
        "Wan",
        (r"text_embedding\.0\.weight", r"blocks\.0\.cross_attn\.k\.weight"),
        (_input("text_embedding.0"),),
    ),
    Layout(
        "LTX-Video",
        (r"caption_projection\.linear_1\.weight", r"patchify_proj\.weight"),
        (_input("caption_projection.linear_1"),),
    ),
    Layout(
        "Cosmos Predict 2",
        (r"blocks\.0\.cross_attn\.k_proj\.weight", r"x_embedder\.proj\.1\.weight"),
        (
            Reader(r"blocks\.\d+\.cross_attn\.k_proj\.weight", "key"),
            Reader(r"blocks\.\d+\.cross_attn\.v_proj\.weight", "value"),
        ),
    ),
    Layout(
        "Cosmos",
        (r"blocks\.block0\.blocks\.1\.block\.attn\.to_k\.0\.weight",),
        (
            Reader(r"blocks\.block\d+\.blocks\.1\.block\.attn\.to_k\.0\.weight", "key"),
            Reader(r"blocks\.block\d+\.blocks\.1\.block\.attn\.to_v\.0\.weight", "value"),
        ),
    ),
    Layout(
        "Kandinsky 5",
        (r"text_embeddings\.in_layer\.weight",),
        (_input("text_embeddings.in_layer"), _input("pooled_text_embeddings.in_layer", "pooled")),
    ),
    Layout("Boogu-Image", (*OMNIGEN, r"double_stream_layers\.0\..*"), OMNIGEN_TEXT, preprocessors=OMNIGEN_NORM),
    Layout("OmniGen 2", OMNIGEN, OMNIGEN_TEXT, preprocessors=OMNIGEN_NORM),
    Layout(
        "Ideogram 4",
        (r"llm_cond_proj\.weight",),
        (_input("llm_cond_proj"),),
        preprocessors=(_rms("llm_cond_norm.weight", 1e-6),),
    ),
    Layout(
        "JoyImage",
        (r"condition_embedder\.text_embedder\.linear_1\.weight",),
        (_input("condition_embedder.text_embedder.linear_1"),),
    ),
    Layout("CogVideoX", (r"patch_embed\.text_proj\.weight",), (_input("patch_embed.text_proj"),)),
    Layout("Ernie-Image", (r"text_proj\.weight", r"x_embedder\.proj\.weight"), (_input("text_proj"),)),
    Layout("PixelDiT", (r"(core\.)?y_embedder\.proj\.weight", r"(core\.)?y_pos_embedding"), PIXELDIT_TEXT),
    Layout("SD 1.x", UNET_MARKS, CROSS_ATTENTION, width=768),
    Layout("SD 2.x", UNET_MARKS, CROSS_ATTENTION, width=1024),
    Layout("SDXL", UNET_MARKS, (*CROSS_ATTENTION, SDXL_POOLED), width=2048),
    Layout("SDXL refiner", UNET_MARKS, (*CROSS_ATTENTION, REFINER_POOLED), width=1280),
    Layout("U-Net", UNET_MARKS, CROSS_ATTENTION),
)
