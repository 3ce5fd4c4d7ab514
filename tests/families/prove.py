"""Prove the table of families in the host's own Python: a model edited by it, given c, is the original given M c.

    PYTHON_OF_THE_HOST prove.py FOLDER_OF_THE_HOST FILE [CASE …]

Writes what it found of every case of `cases.py` to FILE as JSON. Models, weights and forward passes are the host's own.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from cases import CASES
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "diffusion_model."
TOKENS = 6
Streams = Mapping[str, Tensor]
Operator = tuple[Tensor, Tensor]


def main(host: str, file: str, *chosen: str) -> None:
    sys.path[:0] = [host]
    sys.path.append(str(ROOT))  # behind the host, whose `nodes` and ours have the same name
    import comfy.cli_args

    comfy.cli_args.args.cpu = True  # before anything else of the host asks for a device

    import comfyui_version

    logging.disable(logging.ERROR)
    torch.set_num_threads(1)
    found = {name: _prove_safely(case) for name, case in CASES.items() if not chosen or name in chosen}
    Path(file).write_text(json.dumps({"host": comfyui_version.__version__, "cases": found}, indent=1), "utf-8")


def _prove_safely(case: Any) -> dict[str, Any]:
    """One case's findings, or why there are none, so that one broken family does not hide the others."""
    import comfy.supported_models

    if not hasattr(comfy.supported_models, case.model) or importlib.util.find_spec(case.needs) is None:
        return {"missing": "this host does not have the family"}
    start = time.perf_counter()
    try:
        with torch.inference_mode():
            return {**prove(case), "seconds": round(time.perf_counter() - start, 2)}
    except Exception:
        return {"error": traceback.format_exc()}


def prove(case: Any) -> dict[str, Any]:
    """Edit a random model of `case` through the host's patcher and compare its forward passes with the original's."""
    from rece_core.models.text_entries import find_family

    model = build(case)
    weights = {f"{PREFIX}{name}": weight for name, weight in model.diffusion_model.state_dict().items()}
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    family = find_family(shapes)
    texts = {stream: make_text(stream, width) for stream, width in case.streams.items()}
    widths = {entry.stream: entry.shape[1] for entry in family.entries}
    operators = {stream: make_operator(stream, width) for stream, width in widths.items()}

    def turn_outside(stream: str, text: Tensor) -> Tensor:
        return turn(text, operators[stream]) if stream in operators and not is_turned_inside(stream, family) else text

    original = forward(model, case, texts)
    with turn_behind_fronts(model, family, operators, weights) as front_difference:
        turned = forward(model, case, {stream: turn_outside(stream, text) for stream, text in texts.items()})
    with edit(model, weights, family, operators) as changed:
        edited = forward(model, case, texts)
    alone = {}
    for stream in operators:
        with edit(model, weights, family, {stream: operators[stream]}):
            alone[stream] = relative(forward(model, case, texts), original)
    return {
        "family": family.name,
        "difference": relative(edited, turned),
        "controls": alone,
        "front_difference": max(front_difference, default=None),
        "restored": bool(torch.equal(forward(model, case, texts), original)),
        "changed_outside": sorted(changed - {entry.name for entry in family.entries}),
        "left_unchanged": sorted({entry.name for entry in family.entries} - changed),
        "joins": {stream: [target, family.fronts[stream].kind] for stream, target in family.joins.items()},
        "streams": {stream: describe(family, stream, shapes) for stream in operators},
    }


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


def make_text(stream: str, width: int) -> Tensor:
    """A random embedding, (rows, width): a pooled one has one row, those of HunyuanDiT their full length."""
    rows = 77 if width == 1024 and stream == "tokens" else {"pooled": 1, "t5": 256}.get(stream, TOKENS)
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(sum(stream.encode())))


def make_operator(stream: str, width: int) -> Operator:
    """left, right (width, 4) of M = I + left rightᵀ, far from I."""
    generator = torch.Generator().manual_seed(1 + sum(stream.encode()))
    left, right = (torch.randn(width, 4, generator=generator) for _ in range(2))
    return left / width**0.5, right / 2


def turn(tokens: Tensor, operator: Operator) -> Tensor:
    """M c for each row c of `tokens`."""
    left, right = operator
    return tokens + (tokens @ right) @ left.T


def is_turned_inside(stream: str, family: Any) -> bool:
    """Whether a stream passes something before its entries read it, so that only behind it can it be turned."""
    return stream in family.fronts or stream in family.joins.values()


def forward(model: nn.Module, case: Any, texts: Streams, **given: Any) -> Tensor:
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


def name_conditions(texts: Streams) -> dict[str, Any]:
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
    layers = [texts[stream] for stream in sorted(texts) if stream.startswith("llama.")]
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


@contextlib.contextmanager
def turn_behind_fronts(
    model: nn.Module, family: Any, operators: Mapping[str, Operator], weights: Streams
) -> Iterator[list[float]]:
    """While this is open, streams with a front are multiplied by their operator where they leave it.

    Yields a list that fills with how far `pass_front` is from what the host's own modules give.
    """
    from rece_core.models.fronts import pass_front

    found: list[float] = []
    hooks = []

    def compare(stream: str, given: Tensor, passed: Tensor) -> None:
        found.append(relative(pass_front(family.fronts[stream], given.reshape(-1, given.shape[-1]), weights), passed))

    def turn_output(stream: str, module: nn.Module) -> None:
        def hook(_: nn.Module, given: tuple[Tensor, ...], passed: Tensor) -> Tensor:
            compare(stream, given[0], passed.reshape(-1, passed.shape[-1]))
            return turn(passed, operators[stream]) if stream in operators else passed

        hooks.append(module.register_forward_hook(hook))

    def turn_input(stream: str, module: nn.Module, place: int) -> None:
        def hook(_: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return (*given[:place], turn(given[place], operators[stream]), *given[place + 1 :])

        hooks.append(module.register_forward_pre_hook(hook))

    network = model.diffusion_model
    for stream, front in family.fronts.items():
        if front.kind == "pool":
            for letter in "qkv":
                turn_input(stream, getattr(network.pooler, f"{letter}_proj"), 0)
        else:
            module = front.weights[0].removeprefix(PREFIX).rpartition(".")[0]
            turn_output(stream, network.get_submodule(module.removesuffix(".0") if front.kind == "mlp" else module))
    for (
        stream
    ) in family.joins.values():  # read together with another behind its front, so only there can both be turned
        for block in network.blocks:
            turn_input(stream, block.attn2, 1)
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


@contextlib.contextmanager
def edit(model: nn.Module, weights: Streams, family: Any, operators: Mapping[str, Operator]) -> Iterator[set[str]]:
    """While this is open, the host's own patcher holds W M for every text entry; yields the names of what differs."""
    import comfy.model_patcher

    patcher = comfy.model_patcher.ModelPatcher(model, torch.device("cpu"), torch.device("cpu"))
    patches: dict[Any, Any] = {}
    for entry in family.entries:
        if entry.stream in operators:
            start, stop = entry.columns or (0, entry.shape[1])
            left, right = operators[entry.stream]
            change = weights[entry.name][:, start:stop] @ left @ right.T
            key = (entry.name, (1, start, stop - start)) if entry.columns else entry.name
            patches[key] = ("diff", (change,))
    before = {name: weight.clone() for name, weight in weights.items()}
    taken = patcher.add_patches(patches)
    assert len(taken) == len(patches), set(patches) - set(taken)
    patcher.patch_model(device_to=torch.device("cpu"))
    after = model.diffusion_model.state_dict()
    try:
        yield {name for name, weight in before.items() if not torch.equal(weight, after[name.removeprefix(PREFIX)])}
    finally:
        patcher.unpatch_model(device_to=torch.device("cpu"))


def describe(family: Any, stream: str, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """What the table says of `stream` in this model."""
    from rece_core.models.text_entries import find_output

    entries = [entry for entry in family.entries if entry.stream == stream]
    seal = ""
    try:
        for entry in entries:
            if entry.role != "key":
                find_output(entry, shapes)
    except ValueError as error:
        seal = str(error)
    front = family.fronts.get(stream)
    return {
        "names": [entry.name.removeprefix(PREFIX) for entry in entries],
        "width": entries[0].shape[1],
        "columns": entries[0].columns,
        "front": front.kind if front else None,
        "seal": seal,
    }


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


if __name__ == "__main__":
    main(*sys.argv[1:])
