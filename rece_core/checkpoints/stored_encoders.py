"""The text encoders inside a checkpoint: which they are, how ComfyUI reads them, and where their weights lie."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import Tensor

from ..storage.tensor_file import TensorFile
from .encoder_shapes import EMBEDDING, END, MOST_LAYERS, POSITIONS, PROJECTION, WIDEST, WITHIN, list_shapes


@dataclass(frozen=True)
class EncoderKind:
    """What the weights of a CLIP do not tell: how ComfyUI pads texts for it, and what the model reads of it.

    width: of its embeddings, which the weights must have. padding: the token that fills a text up behind its end.
    activation: by transformers' name. layers_back: which layer gives the text embedding, 1 the last. final_norm: if
    the final norm follows. pooled: whether the model reads the pooled embedding too.
    """

    width: int
    padding: int
    activation: str
    layers_back: int
    final_norm: bool
    pooled: bool = False


SD1_L = EncoderKind(768, END, "quick_gelu", layers_back=1, final_norm=True)
SD2_H = EncoderKind(1024, 0, "gelu", layers_back=2, final_norm=True)
SDXL_L = EncoderKind(768, END, "quick_gelu", layers_back=2, final_norm=False)
SDXL_G = EncoderKind(1280, 0, "gelu", layers_back=2, final_norm=False, pooled=True)

IN_FOLDERS = ("text_encoder.", "text_encoder_2.")  # of diffusers, which leaves out the last layer of SD 2.x's

# By family: the encoders whose embeddings are joined, in the order of their columns, and what their names begin with.
ENCODERS: dict[str, tuple[tuple[EncoderKind, tuple[str, ...]], ...]] = {
    "SD 1.x": (
        (SD1_L, ("cond_stage_model.transformer.text_model.", "cond_stage_model.transformer.", "text_encoder.")),
    ),
    "SD 2.x": ((SD2_H, ("cond_stage_model.model.", "conditioner.embedders.0.model.", "text_encoder.")),),
    "SDXL": (
        (SDXL_L, ("conditioner.embedders.0.transformer.text_model.", "text_encoder.")),
        (SDXL_G, ("conditioner.embedders.1.model.", "text_encoder_2.")),
    ),
    "SDXL refiner": ((SDXL_G, ("conditioner.embedders.0.model.", "text_encoder_2.")),),
}

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
LAYER = re.compile(r"encoder\.layers\.([0-9]{1,6})\.")
THIRDS = 3  # queries, keys and values in one
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
        numbers = [int(found[1]) for name in self.parts if (found := LAYER.match(name))]
        return max(numbers, default=-1) + 1

    def find(self, file: TensorFile, name: str) -> StoredPart:
        """Where one weight lies; ValueError where the file does not have it."""
        if name not in self.parts:
            raise ValueError(
                f"the text encoder in {file.path.name} is not whole: below {self.prefix} there is no {name}. Use a "
                "whole checkpoint."
            )
        return self.parts[name]

    def shape_of(self, file: TensorFile, name: str) -> tuple[int, ...]:
        """The shape of one weight as it is read; ValueError where the file does not have it."""
        part = self.find(file, name)
        shape = file.tensors[part.name].shape
        if part.third is not None and shape:
            shape = (shape[0] // THIRDS if shape[0] % THIRDS == 0 else shape[0], *shape[1:])
        return shape[::-1] if part.transposed else shape

    def read(self, file: TensorFile, name: str) -> Tensor:
        """One weight in float32; ValueError where the file does not have it."""
        part = self.find(file, name)
        weight = file.read(part.name).float()
        if part.third is not None:
            weight = weight.chunk(THIRDS)[part.third].clone()
        return weight.T.contiguous() if part.transposed else weight


def find_encoders(file: TensorFile, family: str) -> tuple[StoredEncoder, ...]:
    """The text encoders in `file` of a model of `family`, in the order of their columns.

    Raises ValueError where they are of a kind that is not known here, or not in the file, whole and in the shapes that
    they must have: whatever is built of them is built of what was checked.
    """
    if family not in ENCODERS:
        raise ValueError(
            f"{file.path.name} is of the family '{family}', whose text encoder is not read here; expected one of "
            f"{', '.join(ENCODERS)}. Use the nodes in ComfyUI for other families."
        )
    found = tuple(_find_encoder(file, kind, prefixes) for kind, prefixes in ENCODERS[family])
    for each in found:
        _check_shapes(file, each)
    return found


def lacks_encoders(file: TensorFile, family: str) -> bool:
    """Whether `file` has no weight of a text encoder that is read here, of a model of `family`."""
    starts = tuple(prefix for _, prefixes in ENCODERS.get(family, ()) for prefix in prefixes)
    return not any(name.startswith(starts) for name in file.tensors)


def _find_encoder(file: TensorFile, kind: EncoderKind, prefixes: tuple[str, ...]) -> StoredEncoder:
    for prefix in prefixes:
        parts = dict(
            placed
            for name in file.tensors
            if name.startswith(prefix)
            for placed in _place(name, name.removeprefix(prefix))
        )
        if EMBEDDING in parts:
            cut = kind is SD2_H and prefix in IN_FOLDERS
            return StoredEncoder(replace(kind, layers_back=1) if cut else kind, prefix, parts)
    raise ValueError(
        f"{file.path.name} has no text encoder inside: no weight is named {prefixes[0]}…. Expected a whole checkpoint; "
        "use the nodes in ComfyUI for a diffusion model by itself, with Load CLIP beside it."
    )


def _check_shapes(file: TensorFile, stored: StoredEncoder) -> None:
    kind, layers = stored.kind, stored.layers
    rows = next(iter(stored.shape_of(file, WITHIN)), 0)
    if layers > MOST_LAYERS or not 0 < rows <= WIDEST * kind.width:
        raise ValueError(
            f"the text encoder in {file.path.name} has {layers:,} layers, {rows:,} wide within each; expected at most "
            f"{MOST_LAYERS}, {WIDEST * kind.width:,} wide. The file is damaged: use a whole checkpoint."
        )
    for name, shape in list_shapes(kind.width, layers, rows, kind.pooled).items():
        found = stored.shape_of(file, name)
        if found != shape:
            raise ValueError(
                f"{stored.prefix}{name} in {file.path.name} has the shape {found[:4]}; expected {shape} in a text "
                "encoder of CLIP. The file is damaged or of another kind: use a whole checkpoint."
            )
        file.dtype_of(stored.parts[name].name)


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
