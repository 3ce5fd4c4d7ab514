"""GGUF files of the emoji transformer, in the quantisations that people use, made by the package `gguf`.

That package only reads quantisations of 256 numbers with scales of their own, the K ones. They are made here, simply:
whatever is lost by it, a weight is what its blocks say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType as Kind
from safetensors.torch import load_file

from emoji.compact import expand

Numbers = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

ARCHITECTURE = "flux"
#: A name for files: the quantisation of matrices, and that of a part of them by the end of their names.
QUANTISATIONS: Mapping[str, tuple[Kind, Mapping[str, Kind]]] = {
    "F16": (Kind.F16, {}),
    "BF16": (Kind.BF16, {}),
    "Q8_0": (Kind.Q8_0, {}),
    "Q5_0": (Kind.Q5_0, {}),
    "Q4_0": (Kind.Q4_0, {}),
    "Q6_K": (Kind.Q6_K, {}),
    "Q5_K": (Kind.Q5_K, {}),
    "Q4_K_M": (Kind.Q4_K, {"linear2.weight": Kind.Q6_K, "mlp.2.weight": Kind.Q6_K}),
}


def read_transformer(path: Path) -> dict[str, Numbers]:
    """The diffusion model's weights of a checkpoint that ships, by their own names."""
    prefix = "model.diffusion_model."
    weights = expand({name: each for name, each in load_file(path).items() if name.startswith(prefix)})
    return {name.removeprefix(prefix): weight.float().numpy() for name, weight in weights.items()}


def write_gguf(path: Path, weights: Mapping[str, Numbers], quantisation: str) -> dict[str, Numbers]:
    """Write a file and return what it says of each weight, as the package reads it.

    Vectors stay in float32, and matrices whose rows are no whole number of blocks in float16, as converters do it.
    """
    kind, others = QUANTISATIONS[quantisation]
    writer = gguf.GGUFWriter(path, ARCHITECTURE)
    meant = {}
    for name, weight in weights.items():
        wanted = next((each for end, each in others.items() if name.endswith(end)), kind)
        fits = weight.shape[-1] % gguf.GGML_QUANT_SIZES[wanted][0] == 0
        used = Kind.F32 if weight.ndim < 2 else wanted if fits else Kind.F16
        stored = quantise(weight, used)
        writer.add_tensor(name, stored, raw_dtype=used)
        meant[name] = gguf.quants.dequantize(stored, used).reshape(weight.shape)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return meant


def quantise(weight: Numbers, kind: Kind) -> npt.NDArray[np.generic]:
    """A weight as a file holds it."""
    if kind not in K_QUANTISERS:
        return gguf.quants.quantize(weight, kind)
    blocks = K_QUANTISERS[kind](np.ascontiguousarray(weight).reshape(-1, gguf.constants.QK_K))
    return blocks.reshape(*weight.shape[:-1], -1)


def _quantise_q6(blocks: Numbers) -> Bytes:
    """16 parts of 16 numbers in steps of their own, -32 to 31."""
    parts = blocks.reshape(-1, 16, 16)
    steps = np.abs(parts).max(-1) / 31
    step = _half(steps.max(-1, keepdims=True) / 127)
    scales = np.round(_divide(steps, step)).astype(np.int8)
    levels = np.round(_divide(parts, (step * scales)[..., None])).clip(-32, 31).astype(np.int8) + 32
    rows = levels.astype(np.uint8).reshape(-1, 2, 4, 32)
    low = (rows & 15).reshape(-1, 2, 2, 64)
    high = sum((rows[:, :, place] >> 4) << np.uint8(2 * place) for place in range(4))
    bits = [(low[:, :, 0] | low[:, :, 1] << 4).reshape(-1, 128), np.asarray(high).reshape(-1, 64)]
    return np.concatenate([*bits, scales.view(np.uint8), _bytes(step)], -1)


def _quantise_above_least(blocks: Numbers, most: int) -> tuple[Bytes, Bytes]:
    """8 parts of 32 numbers, each in steps above its own least: head of the blocks, and levels (n, 8, 32) to `most`."""
    parts = blocks.reshape(-1, 8, 32)
    depths = np.maximum(-parts.min(-1), 0)
    steps = np.maximum(parts.max(-1) + depths, 0) / most
    step, depth = (_half(each.max(-1, keepdims=True) / 63) for each in (steps, depths))
    scales, least = (
        np.round(_divide(each, unit)).clip(0, 63).astype(np.uint8) for each, unit in ((steps, step), (depths, depth))
    )
    above = parts + (depth * least)[..., None]
    levels = np.round(_divide(above, (step * scales)[..., None])).clip(0, most).astype(np.uint8)
    packed = [
        scales[:, :4] | (scales[:, 4:] >> 4) << 6,
        least[:, :4] | (least[:, 4:] >> 4) << 6,
        (scales[:, 4:] & 15) | (least[:, 4:] & 15) << 4,
    ]
    return np.concatenate([_bytes(step), _bytes(depth), *packed], -1), levels


def _quantise_q4(blocks: Numbers) -> Bytes:
    head, levels = _quantise_above_least(blocks, 15)
    return np.concatenate([head, _pair(levels)], -1)


def _quantise_q5(blocks: Numbers) -> Bytes:
    head, levels = _quantise_above_least(blocks, 31)
    high = sum((levels[:, part] >> 4) << np.uint8(part) for part in range(8))
    return np.concatenate([head, np.asarray(high), _pair(levels & 15)], -1)


K_QUANTISERS: Mapping[Kind, Callable[[Numbers], Bytes]] = {
    Kind.Q4_K: _quantise_q4,
    Kind.Q5_K: _quantise_q5,
    Kind.Q6_K: _quantise_q6,
}


def _pair(levels: Bytes) -> Bytes:
    """Two levels below 16 in each byte, (n, 128)."""
    rows = levels.reshape(-1, 4, 2, 32)
    return (rows[:, :, 0] | rows[:, :, 1] << 4).reshape(-1, 128)


def _divide(numbers: Numbers, by: Numbers) -> Numbers:
    return np.divide(numbers, by, out=np.zeros_like(numbers), where=by != 0)


def _half(numbers: Numbers) -> Numbers:
    return numbers.astype(np.float16).astype(np.float32)


def _bytes(numbers: Numbers) -> Bytes:
    return numbers.astype(np.float16).view(np.uint8)
