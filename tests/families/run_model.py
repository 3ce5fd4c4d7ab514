"""Models of the cases in the host's own Python: built with random weights, and run on random texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "diffusion_model."
TOKENS = 6
CondInputs = Mapping[str, Tensor]


def build(case: Any) -> nn.Module:
    """The host's own model, with random weights."""
    import comfy.supported_models

    fields = known_fields(case)
    config = getattr(comfy.supported_models, case.model)(fields)
    config.unet_config.update(fields)  # over what the host knows of the family's full size
    config.set_inference_dtype(torch.float32, None)
    with torch.inference_mode(False):
        model = config.get_model({}, device=torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    for name, parameter in model.diffusion_model.state_dict().items():
        if parameter.is_floating_point():
            parameter.normal_(generator=generator)
            if parameter.ndim > 1:
                parameter.mul_(parameter[0].numel() ** -0.5)
            else:
                parameter.mul_(0.1).add_(0.0 if name.endswith("bias") else 1.0)
    return model.eval()


def known_fields(case: Any) -> dict[str, Any]:
    """The case's structure without what this host's version does not know yet."""
    import comfy.ldm.chroma.model
    import comfy.ldm.flux.model
    import comfy.ldm.hunyuan_video.model

    kinds = {
        **dict.fromkeys(("Flux.1", "Flux.2", "LongCat-Image", "Ovis-Image"), comfy.ldm.flux.model.FluxParams),
        "Chroma": comfy.ldm.chroma.model.ChromaParams,
        "HunyuanVideo": comfy.ldm.hunyuan_video.model.HunyuanVideoParams,
    }
    fields = kinds[case.family].__dataclass_fields__ if case.family in kinds else case.config
    return {name: value for name, value in case.config.items() if name in fields}


def make_text(cond_input: str, width: int) -> Tensor:
    """A random embedding, (rows, width): a pooled one has one row, those of HunyuanDiT their full length."""
    rows = 77 if width == 1024 and cond_input == "tokens" else {"pooled": 1, "t5": 256}.get(cond_input, TOKENS)
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(sum(cond_input.encode())))


def forward(model: nn.Module, case: Any, texts: CondInputs, **given: Any) -> Tensor:
    """The model's output for `texts` and whatever else is `given`, conditions made as the host's samplers do."""
    generator = torch.Generator().manual_seed(2)
    noise = torch.randn(case.latent, generator=generator)
    conditions = {
        "noise": noise,
        "device": torch.device("cpu"),
        "latent_image": torch.zeros_like(noise),
        "width": 64,
        "height": 64,
        "prompt_type": "positive",
        **name_conditions(texts),
        **make_extra(case),
        **given,
    }
    passed = model.extra_conds(**conditions)
    ready = {name: each.process_cond(batch_size=1, area=None).cond for name, each in passed.items()}
    sigma = model.model_sampling.sigma_max.reshape(1) * 0.5
    return model.apply_model(noise, sigma, **ready)


def name_conditions(texts: CondInputs) -> dict[str, Any]:
    """`texts` under the names that the host's text encoders give them."""
    named: dict[str, Any] = {}
    if "tokens" in texts:
        named["cross_attn"] = texts["tokens"][None]
    named["pooled_output"] = texts.get("pooled")
    if "t5" in texts:
        named["conditioning_mt5xl"] = texts["t5"][None].clone()
        named["cross_attn"] = texts["tokens"][None].clone()  # the host writes its padding into them
        named["attention_mask"] = torch.ones(1, len(texts["tokens"]))
        named["attention_mask_mt5xl"] = torch.ones(1, len(texts["t5"]))
    if "byt5" in texts:
        named["conditioning_byt5small"] = texts["byt5"][None]
    layers = [texts[cond_input] for cond_input in sorted(texts) if cond_input.startswith("llama.")]
    if layers:
        named["conditioning_llama3"] = torch.stack(layers)[None]
    return named


def make_extra(case: Any) -> dict[str, Any]:
    """What the host's nodes would give besides: a mask that shows all tokens, what a picture is seen as, a seed."""
    if "mask" in case.extra:
        return {"attention_mask": torch.ones(1, TOKENS, dtype=torch.long)}
    if "picture" not in case.extra:
        return dict(case.extra)
    import comfy.clip_vision

    seen = comfy.clip_vision.Output()
    seen.penultimate_hidden_states = torch.randn(1, 257, 1280, generator=torch.Generator().manual_seed(3))
    return {"clip_vision_output": seen}


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())
