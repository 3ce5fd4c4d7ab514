"""Every text encoder of the host as its own CLIP object, small and with random weights.

Its classes, and the vocabularies as far as they come with the host, are the host's own; SentencePiece ones are learnt
here. In all encoders but CLIP attention is switched off, so that only those rows differ between two texts whose words
do.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

TINY = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 4, "num_attention_heads": 2}
LLAMA = {**TINY, "num_key_value_heads": 1}
T5 = {"d_model": 32, "d_ff": 64, "d_kv": 16, "num_layers": 2, "num_heads": 2}
CLIPS = {f"clip_{name}_model_config": TINY for name in ("l", "g", "h")}
ATTENTION_OUT = (".SelfAttention.o.weight", ".attention.output.dense.weight", ".self_attn.o_proj.weight")

Options = Mapping[str, Any]


def make_clip(tokenizer: Any, model: Any, options: Options = {}, data: Options = {}) -> Any:  # noqa: B006
    """The host's CLIP object with random weights."""
    import comfy.sd
    import comfy.supported_models_base

    target = comfy.supported_models_base.ClipTarget(tokenizer, model)
    options = {"dtype": torch.float32, **CLIPS, **options}
    clip = comfy.sd.CLIP(target, tokenizer_data=dict(data), model_options=options)
    generator = torch.Generator().manual_seed(0)
    for name, weight in clip.cond_stage_model.named_parameters():
        if ".visual." not in name:  # of full size, and no picture is read
            fill(name, weight, generator)
    return clip


def fill(name: str, weight: nn.Parameter, generator: torch.Generator) -> None:
    with torch.no_grad():
        if name.endswith(ATTENTION_OUT):
            weight.zero_()
        elif weight.ndim < 2:
            weight.fill_(0.0 if name.endswith("bias") else 1.0)
        else:
            columns = torch.randn(len(weight), min(32, weight.shape[1]), generator=generator)
            scale = 1.0 if "embed" in name or "shared" in name else weight.shape[1] ** -0.5
            repeats = -(-weight.shape[1] // columns.shape[1])
            weight.copy_(scale * columns.repeat(1, repeats)[:, : weight.shape[1]].reshape(weight.shape))


def of(module: str) -> Any:
    return importlib.import_module(f"comfy.{module}")


def of_text_encoders(module: str) -> Any:
    return importlib.import_module(f"comfy.text_encoders.{module}")


def make_pieces(start: bool) -> Tensor:
    """A SentencePiece vocabulary learnt from the captions that ship, as T5 (no start token) or Gemma have theirs."""
    import sentencepiece

    captions = Path(__file__).parents[2] / "rece_core" / "texts" / "everyday_captions.txt"
    lines = [*captions.read_text("utf-8").splitlines(), *["a cat", "a dog", "cat", "dog"] * 50]
    ids = {"pad_id": 0, "eos_id": 1, "bos_id": 2 if start else -1, "unk_id": 3 if start else 2}
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, vocab_size=600, minloglevel=2, hard_vocab_limit=False, **ids
    )
    return torch.ByteTensor(list(model.getvalue()))


def make_sd3(clip_l: bool = True, clip_g: bool = True, t5: bool = True) -> Any:
    sd3 = of_text_encoders("sd3_clip")
    model = sd3.sd3_clip(clip_l=clip_l, clip_g=clip_g, t5=t5)
    wide = {**T5, "d_model": 4096, "num_layers": 1}  # the host pads the rows of CLIP to this width
    return make_clip(sd3.SD3Tokenizer, model, {"t5xxl_model_config": wide})


def make_sdxl(kind: str) -> Any:
    sdxl = of("sdxl_clip")
    kinds = {
        "both": (sdxl.SDXLTokenizer, sdxl.SDXLClipModel),
        "refiner": (sdxl.SDXLClipGTokenizer, sdxl.SDXLRefinerClipModel),
        "cascade": (sdxl.StableCascadeTokenizer, sdxl.StableCascadeClipModel),
    }
    tokenizer, model = kinds[kind]
    if kind == "refiner":
        tokenizer = of("supported_models").SDXLRefiner({}).clip_target().tokenizer
    return make_clip(tokenizer, model)


def make_t5(module: str, tokenizer: str, model: Callable[[Any], Any], name: str = "t5xxl", data: Options = {}) -> Any:  # noqa: B006
    encoders = of_text_encoders(module)
    return make_clip(getattr(encoders, tokenizer), model(encoders), {f"{name}_model_config": T5}, data)


def make_hydit() -> Any:
    hydit = of_text_encoders("hydit")
    options = {"hydit_clip_model_config": TINY, "mt5xl_model_config": {**T5, "vocab_size": 1000}}
    return make_clip(hydit.HyditTokenizer, hydit.HyditModel, options, {"mt5xl.spiece_model": make_pieces(False)})


def make_wan() -> Any:
    wan = of_text_encoders("wan")
    options = {"umt5xxl_model_config": {**T5, "vocab_size": 1000}}
    return make_clip(wan.WanT5Tokenizer, wan.te(), options, {"spiece_model": make_pieces(False)})


def make_lumina() -> Any:
    lumina = of_text_encoders("lumina2")
    options = {"gemma2_2b_model_config": {**LLAMA, "vocab_size": 1000}}
    return make_clip(lumina.LuminaTokenizer, lumina.te(), options, {"spiece_model": make_pieces(True)})


def make_llama(module: str, tokenizer: str, model: Callable[[Any], Any], name: str, **more: Any) -> Any:
    encoders = of_text_encoders(module)
    options = {f"{name}_model_config": {**LLAMA, **more}, "t5xxl_model_config": T5, "byt5_small_model_config": T5}
    return make_clip(getattr(encoders, tokenizer), model(encoders), options)


DEEP = {"num_hidden_layers": 30}

ENCODERS: dict[str, Callable[[], Any]] = {
    "sd1": lambda: make_clip(of("sd1_clip").SD1Tokenizer, of("sd1_clip").SD1ClipModel),
    "sd2": lambda: make_clip(of_text_encoders("sd2_clip").SD2Tokenizer, of_text_encoders("sd2_clip").SD2ClipModel),
    "sdxl": lambda: make_sdxl("both"),
    "sdxl refiner": lambda: make_sdxl("refiner"),
    "stable cascade": lambda: make_sdxl("cascade"),
    "sd3": make_sd3,
    "sd3 without t5": lambda: make_sd3(t5=False),
    "sd3 without clip": lambda: make_sd3(clip_l=False, clip_g=False),
    "flux": lambda: make_t5("flux", "FluxTokenizer", lambda encoders: encoders.flux_clip()),
    "pixart": lambda: make_t5("pixart_t5", "PixArtTokenizer", lambda encoders: encoders.pixart_te()),
    "auraflow": lambda: make_t5("aura_t5", "AuraT5Tokenizer", lambda encoders: encoders.AuraT5Model, "pile_t5xl"),
    "ltx": lambda: make_t5("lt", "LTXVT5Tokenizer", lambda encoders: encoders.ltxv_te()),
    "cosmos": lambda: make_t5("cosmos", "CosmosT5Tokenizer", lambda encoders: encoders.te()),
    "wan": make_wan,
    "hunyuan dit": make_hydit,
    "lumina": make_lumina,
    "hunyuan video": lambda: make_llama(
        "hunyuan_video", "HunyuanVideoTokenizer", lambda encoders: encoders.hunyuan_video_clip(), "llama", **DEEP
    ),
    "hidream": lambda: make_llama("hidream", "HiDreamTokenizer", lambda encoders: encoders.hidream_clip(), "llama"),
    "qwen image": lambda: make_llama("qwen_image", "QwenImageTokenizer", lambda encoders: encoders.te(), "qwen25_7b"),
    "hunyuan image": lambda: make_llama(
        "hunyuan_image", "HunyuanImageTokenizer", lambda encoders: encoders.te(), "qwen25_7b"
    ),
    "omnigen2": lambda: make_llama("omnigen2", "Omnigen2Tokenizer", lambda encoders: encoders.te(), "qwen25_3b"),
    "z-image": lambda: make_llama("z_image", "ZImageTokenizer", lambda encoders: encoders.te(), "qwen3_4b"),
    "klein": lambda: make_llama("flux", "KleinTokenizer", lambda encoders: encoders.klein_te(), "qwen3_4b", **DEEP),
    "kandinsky": lambda: make_llama("kandinsky5", "Kandinsky5Tokenizer", lambda encoders: encoders.te(), "qwen25_7b"),
    "ovis": lambda: make_llama("ovis", "OvisTokenizer", lambda encoders: encoders.te(), "qwen3_2b"),
    "longcat": lambda: make_llama(
        "longcat_image", "LongCatImageTokenizer", lambda encoders: encoders.te(), "qwen25_7b"
    ),
    "anima": lambda: make_llama("anima", "AnimaTokenizer", lambda encoders: encoders.te(), "qwen3_06b"),
}
