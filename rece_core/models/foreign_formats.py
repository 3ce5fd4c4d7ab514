"""Quantised weights that only other programs' layers can read: how each format is recognised, and what works instead.

A format is known by the class of a layer or of its weight, or by what lies beside each other in one layer: attributes
of the layer and of its weight, which are also the ends of the tensors' names in its files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

INT8 = "int8"  # among the parts of a layer: its weight is of such numbers
LOADER = "these nodes' own LoRA loader, where they have one"


@dataclass(frozen=True)
class Format:
    """name: in words. classes: a pattern of qualified class names. layers: each names the parts that one layer has.

    loader: what loads a LoRA onto such a model. not_beside: a part that says that it is the host's own format instead.
    """

    name: str
    classes: str = "(?!)"
    layers: tuple[frozenset[str], ...] = ()
    loader: str = LOADER
    not_beside: str = ""

    def refuse(self, what: str) -> str:
        """The sentence that refuses `what` is stored so."""
        return (
            f"{what} is quantised by {self.name}, which RECE can't edit: erase from the unquantised model of its "
            "family, and apply the operator or LoRA that RECE Save Erasure makes there to that model, or load the LoRA "
            f"onto this one by {self.loader}."
        )


def _layers(*parts: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(each.split()) for each in parts)


# The first that fits counts, so what has most parts comes first.
FORMATS = (
    Format(
        "Nunchaku (SVDQuant)",
        r"nunchaku\..*|.*\.(SVDQW4A4Linear|AWQW4A16Linear|Nunchaku\w+)",
        _layers("qweight proj_down proj_up", "qweight wscales", "qweight lora_down lora_up"),
        "Nunchaku's own LoRA loader",
    ),
    Format("GPTQ", r"(gptqmodel|auto_gptq)\..*", _layers("qweight qzeros scales g_idx")),
    Format("AWQ", r"(awq|autoawq)\..*|.*\.WQLinear\w*", _layers("qweight qzeros scales")),
    Format(
        "bitsandbytes in 8 bits (LLM.int8)", r".*\.(Linear8bitLt|Int8Params)", _layers("SCB", "has_fp16_weights CB")
    ),
    Format(
        "bitsandbytes in 4 bits (NF4, FP4)",
        r"bitsandbytes\..*|.*\.(\w*Params4bit|Linear(4bit|NF4|FP4))",
        _layers("quant_state", "absmax quant_map", "bitsandbytes__nf4", "bitsandbytes__fp4"),
    ),
    Format(
        "torchao", r"torchao\..*|.*\.(AffineQuantizedTensor|LinearActivationQuantizedTensor)", _layers("tensor_impl")
    ),
    Format(
        "Quanto",
        r"(optimum\.)?quanto\..*|.*\.(WeightQBytesTensor|WeightQBitsTensor|QBitsTensor|QBytesTensor)",
        _layers("_data _scale"),
    ),
    Format("HQQ", r"hqq\..*|.*\.HQQLinear", _layers("W_q meta", "W_q scale zero")),
    Format(
        "an int8 pack",
        r".*\.Int8Tensorwise\w*",
        _layers(f"{INT8} weight_scale", f"{INT8} scale_weight"),
        not_beside="comfy_quant",
    ),
)


def recognise_layer(has: Callable[[str], bool], classes: Iterable[str] = ()) -> Format | None:
    """The format of a layer, None where none is known: `has` tells its parts; `classes` of it and of its weight."""
    named = list(classes)
    for known in FORMATS:
        if known.not_beside and has(known.not_beside):
            continue
        if any(re.fullmatch(known.classes, name) for name in named):
            return known
        if any(all(map(has, parts)) for parts in known.layers):
            return known
    return None


def recognise_names(types: Mapping[str, str]) -> Format | None:
    """The format of a file with tensors of these names and storage types, `I8` for int8; None where they show none."""
    layers: dict[str, set[str]] = {}
    for name, dtype in types.items():
        layer, _, part = name.rpartition(".")
        layers.setdefault(layer, set()).update((part, INT8) if part == "weight" and dtype == "I8" else (part,))
    found = (recognise_layer(parts.__contains__) for parts in layers.values())
    return next(filter(None, found), None)
