"""The text encoders inside a checkpoint: which they are, how ComfyUI reads them, and where their weights lie."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ..storage.tensor_file import TensorFile

START, END = 49406, 49407


@dataclass(frozen=True)
class EncoderKind:
    """What the weights of a CLIP do not tell: how ComfyUI pads texts for it, and what the model reads of it.

    padding: the token that fills a text up behind its end. activation: by transformers' name. layers_back: which
    layer gives the text embedding, 1 the last. final_norm: whether the final norm follows. pooled: whether the model
    reads the pooled embedding too.
    """

    padding: int
    activation: str
    layers_back: int
    final_norm: bool
    pooled: bool = False


SD1_L = EncoderKind(END, "quick_gelu", layers_back=1, final_norm=True)
SD2_H = EncoderKind(0, "gelu", layers_back=2, final_norm=True)
SDXL_L = EncoderKind(END, "quick_gelu", layers_back=2, final_norm=False)
SDXL_G = EncoderKind(0, "gelu", layers_back=2, final_norm=False, pooled=True)

# By family: the encoders whose embeddings are joined, in the order of their columns, and what their names begin with.
ENCODERS: dict[str, tuple[tuple[EncoderKind, tuple[str, ...]], ...]] = {
    "SD 1.x": ((SD1_L, ("cond_stage_model.transformer.text_model.", "cond_stage_model.transformer.")),),
    "SD 2.x": ((SD2_H, ("cond_stage_model.model.", "conditioner.embedders.0.model.")),),
    "SDXL": (
        (SDXL_L, ("conditioner.embedders.0.transformer.text_model.",)),
        (SDXL_G, ("conditioner.embedders.1.model.",)),
    ),
    "SDXL refiner": ((SDXL_G, ("conditioner.embedders.0.model.",)),),
}

EMBEDDING = "embeddings.token_embedding.weight"
POSITIONS = "embeddings.position_embedding.weight"
PROJECTION = "text_projection.weight"
# OpenCLIP's names and transformers'; what is named otherwise is named alike.
RENAMED = (
    (re.compile(r"^token_embedding\."), "embeddings.token_embedding."),
    (re.compile(r"^positional_embedding$"), POSITIONS),
    (re.compile(r"^ln_final\."), "final_layer_norm."),
    (re.compile(r"^transformer\.resblocks\.(\d+)\.ln_(\d)\."), r"encoder.layers.\1.layer_norm\2."),
    (re.compile(r"^transformer\.resblocks\.(\d+)\.mlp\.c_fc\."), r"encoder.layers.\1.mlp.fc1."),
    (re.compile(r"^transformer\.resblocks\.(\d+)\.mlp\.c_proj\."), r"encoder.layers.\1.mlp.fc2."),
    (re.compile(r"^transformer\.resblocks\.(\d+)\.attn\.out_proj\."), r"encoder.layers.\1.self_attn.out_proj."),
)
FUSED = re.compile(r"^transformer\.resblocks\.(\d+)\.attn\.in_proj_(weight|bias)$")


@dataclass(frozen=True)
class StoredPart:
    """Where one weight is stored: its name in the file, and which third of its rows, or whether it is transposed."""

    name: str
    third: int | None = None
    transposed: bool = False


@dataclass(frozen=True)
class StoredEncoder:
    """One text encoder of a file: its weights' places by transformers' names, without the prefix `text_model.`."""

    kind: EncoderKind
    prefix: str
    parts: Mapping[str, StoredPart]

    @property
    def layers(self) -> int:
        """How many layers it has."""
        numbers = [int(name.split(".")[2]) for name in self.parts if name.startswith("encoder.layers.")]
        return max(numbers, default=-1) + 1

    def read(self, file: TensorFile, name: str) -> Tensor:
        """One weight in float32; ValueError where the file does not have it."""
        if name not in self.parts:
            raise ValueError(
                f"the text encoder in {file.path.name} is not whole: below {self.prefix} there is no {name}. Use a "
                "whole checkpoint."
            )
        part = self.parts[name]
        weight = file.read(part.name).float()
        if part.third is not None:
            weight = weight.chunk(3)[part.third].clone()
        return weight.T.contiguous() if part.transposed else weight


def find_encoders(file: TensorFile, family: str) -> tuple[StoredEncoder, ...]:
    """The text encoders in `file` of a model of `family`, in the order of their columns.

    Raises ValueError where they are of a kind that is not known here, or not in the file.
    """
    if family not in ENCODERS:
        raise ValueError(
            f"{file.path.name} is of the family '{family}', whose text encoder is not read here; expected one of "
            f"{', '.join(ENCODERS)}. Use the nodes in ComfyUI for other families."
        )
    return tuple(_find_encoder(file, kind, prefixes) for kind, prefixes in ENCODERS[family])


def _find_encoder(file: TensorFile, kind: EncoderKind, prefixes: tuple[str, ...]) -> StoredEncoder:
    for prefix in prefixes:
        parts = dict(
            placed
            for name in file.tensors
            if name.startswith(prefix)
            for placed in _place(name, name.removeprefix(prefix))
        )
        if EMBEDDING in parts:
            return StoredEncoder(kind, prefix, parts)
    raise ValueError(
        f"{file.path.name} has no text encoder inside: no weight is named {prefixes[0]}…. Expected a whole checkpoint; "
        "use the nodes in ComfyUI for a diffusion model by itself, with Load CLIP beside it."
    )


def _place(name: str, bare: str) -> list[tuple[str, StoredPart]]:
    """What the stored weight `name`, called `bare` within its encoder, is in transformers' words."""
    fused = FUSED.match(bare)
    if fused:
        layer, kind = fused.groups()
        thirds = enumerate(("q_proj", "k_proj", "v_proj"))
        return [(f"encoder.layers.{layer}.self_attn.{each}.{kind}", StoredPart(name, third)) for third, each in thirds]
    if bare == "text_projection":  # x @ P, where a linear layer has x @ Wᵀ
        return [(PROJECTION, StoredPart(name, transposed=True))]
    for pattern, replacement in RENAMED:
        bare = pattern.sub(replacement, bare)
    return [(bare, StoredPart(name))]
