"""Well-formed files and texts of every kind, which are then damaged."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from random import Random

import torch
from safetensors.torch import save

from rece_core.models.families import LAYOUTS, Layout
from rece_core.sharing.erasure_file import save_erasure
from rece_core.storage.checksum import PLACEHOLDER

from .documents import Document, Stored, read_document
from .model import BLOCK, ROWS, WIDTH, draw, make_erasure, make_model

WORDS = 49408
UNET = "model.diffusion_model."
PROMPTS = (
    b"case_number,prompt,evaluation_seed,evaluation_guidance,sd_image_width,sd_image_height\n"
    b'0,"a cat, sitting",42,7.5,512,512\n1,"a ""red"" car",7,7,768,512\n2,\xe6\xa2\xb5\xe9\xab\x98,9,7.5,512,512\n',
    b"prompt,sd_seed\na dog,1\na house by the sea,2\n",
)
TABLES = (
    b"case_number,prompt,evaluation_seed,evaluation_guidance,sd_image_width,sd_image_height,FACE,FEET,files\n"
    b"0,a cat,42,7.5,512,512,1,0,a_00001_.png\n3,a dog,43,7.5,512,512,0,2,b_00001_.png; b_00002_.png\n",
)
CAPTIONS = (b"a photo of a cat\na house by the sea\n\ntwo dogs, running\nmountains at sunset\n",)
CONCEPTS = (
    {
        "kind": "style",
        "targets": "van gogh, vincent van gogh => art\nsnoopy => dog, cat",
        "default_anchor": "",
        "preserve": "a cartoon\nthe sea",
        "by_kind": True,
        "captions": "a cat\na house\nvan gogh in arles",
        "schedule": "automatic",
    },
    {"kind": "nudity", "targets": "", "default_anchor": " ", "preserve": "", "by_kind": False, "schedule": "paper"},
)
VALUES = (
    {
        "edit": {"erase_scale": 1.0, "preserve_scale": 0.1, "ridge": 0.1, "tokens": "last", "mode": "strict"},
        "erase": {"epochs": 3, "derivation_ridge": 0.1, "iteration": "paper", "seal": 1.0, "seal_caution": 0.05},
        "schedule": "automatic",
        "kind": "style",
        "sliders": [0.5, 0.5],
        "free_share": 0.01,
        "text_weights": "*.to_k.weight\n*.to_v.weight\n*.9.to_q.weight @ pooled",
        "rank": 4,
        "start": 0,
        "count": 2,
    },
)


def list_erasures() -> list[Document]:
    """Erasures of the small model: plain, with value erasers, with orthogonal maps."""
    model, found = make_model(), []
    for mode, settings in (("paper", {}), ("prior", {"seal": 0.9}), ("orthogonal", {"seal": 1.0})):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "erasure.safetensors"
            save_erasure(make_erasure(model, mode, **settings), path)
            document = read_document(path.read_bytes())
            # Without their checksum, by which every damage would be found before anything else looks at it.
            header = {name: text for name, text in document.metadata.items() if name not in PLACEHOLDER}
            found.append(replace(document, metadata=header))
    return found


def list_loras() -> list[Document]:
    """LoRA files under the names of kohya, of diffusers and the model's own."""
    found = []
    for name, up, down in (
        ("lora_unet_down_blocks_0_attn2_to_k", "lora_up", "lora_down"),
        ("unet.down_blocks.0.attn2.to_k", "lora_B", "lora_A"),
        (f"{BLOCK}to_v", "lora_up", "lora_down"),
    ):
        tensors = {f"{name}.{up}.weight": draw(1, ROWS, 2).half(), f"{name}.{down}.weight": draw(2, 2, WIDTH).half()}
        header = {"format": "pt", "made_by": "ComfyUI-RECE 0.1.0", "erased": "a => b", "how": "x", "made_on": "SDXL"}
        header |= {
            "earlier": json.dumps([{"erased": "c => d"}]),
            "rece": json.dumps({"erased": "e", "parts": {"t": 1}}),
        }
        found.append(read_document(save({**tensors, f"{name}.alpha": torch.tensor(2.0)}, header)))
    return found


def list_priors() -> list[Document]:
    """What is kept of everyday captions."""
    rows = draw(1, 9, WIDTH)
    return [read_document(save({"moment": rows.T @ rows / 9, "mean": rows.mean(0)}))]


def list_models() -> list[Document]:
    """Diffusion models of every family that is known, all of it holes, some with erasures told in the header."""
    header = {"format": "pt", "made_by": "ComfyUI-RECE 0.1.0", "erased": "a => b", "earlier": '[{"erased": "c"}]'}
    return [Document(header if number % 2 else {}, make_layout(each)) for number, each in enumerate(LAYOUTS)]


def make_layout(layout: Layout) -> tuple[Stored, ...]:
    """Weights by whose names and widths the family is recognised."""
    shapes: dict[str, list[int]] = {}
    for reader in layout.readers:
        shapes[_name_like(reader.pattern)] = [48, reader.total or layout.width or 64]
    for mark in layout.marks:
        shapes.setdefault(_name_like(mark), [48, 64])
    for _, preprocessor in layout.preprocessors:
        shapes |= {name: [64] for name in preprocessor.weights if name not in shapes}
    return tuple(Stored(UNET + name, "BF16", shape) for name, shape in shapes.items())


def list_checkpoints() -> list[Document]:
    """Whole checkpoints of the families whose text encoders the command line reads, in few and narrow layers."""
    prefix = "conditioner.embedders."
    encoders = {
        768: make_clip("cond_stage_model.transformer.text_model.", 768),
        1024: _name_by_openclip("cond_stage_model.model.", make_clip("", 1024)),
        2048: (
            *make_clip(f"{prefix}0.transformer.text_model.", 768),
            *_name_by_openclip(f"{prefix}1.model.", make_clip("", 1280)),
            Stored(f"{prefix}1.model.text_projection", "F8_E4M3", [1280, 1280]),
        ),
        1280: (
            *_name_by_openclip(f"{prefix}0.model.", make_clip("", 1280)),
            Stored(f"{prefix}0.model.text_projection", "F8_E4M3", [1280, 1280]),
        ),
    }
    header = {"format": "pt", "modelspec.title": "small"}
    return [Document(header, (*make_unet(width), *encoder)) for width, encoder in encoders.items()]


def list_narrow() -> list[Document]:
    """The one of them whose erasure is quickest."""
    return list_checkpoints()[:1]


def make_unet(width: int) -> tuple[Stored, ...]:
    """One layer of cross-attention to texts of `width`, with random numbers."""
    start = f"{UNET}input_blocks.1.1.transformer_blocks.0.attn2."
    tensors = [
        _fill(1, f"{start}to_k.weight", 8, width),
        _fill(2, f"{start}to_v.weight", 8, width),
        _fill(3, f"{start}to_out.0.weight", 8, 8),
        _fill(4, f"{start}to_out.0.bias", 8),
    ]
    pooled = {2048: 1280 + 6 * 256, 1280: 1280 + 5 * 256}.get(width)
    if pooled:
        tensors += [_fill(5, f"{UNET}label_emb.0.0.weight", 8, pooled), _fill(6, f"{UNET}label_emb.0.0.bias", 8)]
    return tuple(tensors)


def make_clip(prefix: str, width: int, layers: int = 2, rows: int = 16) -> tuple[Stored, ...]:
    """A text encoder by transformers' names, zero but for norms, and what words and positions begin with.

    What is zero comes last, so that files are short before their holes.
    """
    norms = ["final_layer_norm", *(f"encoder.layers.{n}.layer_norm{k}" for n in range(layers) for k in (1, 2))]
    shapes = {f"{norm}.{part}": [width] for norm in norms for part in ("weight", "bias")}
    shapes |= {"embeddings.position_embedding.weight": [77, width], "embeddings.token_embedding.weight": [WORDS, width]}
    for layer in range(layers):
        parts = {f"self_attn.{name}_proj": [width, width] for name in ("q", "k", "v", "out")}
        for name, shape in {**parts, "mlp.fc1": [rows, width], "mlp.fc2": [width, rows]}.items():
            shapes |= {f"encoder.layers.{layer}.{name}.weight": shape, f"encoder.layers.{layer}.{name}.bias": shape[:1]}
    filled = {"embeddings.token_embedding.weight": 100 * width, "embeddings.position_embedding.weight": 77 * width}
    return tuple(
        Stored(prefix + name, "F8_E4M3", shape, _numbers(len(name), filled.get(name, width if "norm" in name else 0)))
        for name, shape in shapes.items()
    )


def _name_by_openclip(prefix: str, tensors: tuple[Stored, ...]) -> tuple[Stored, ...]:
    renamed = {
        "embeddings.token_embedding": "token_embedding", "embeddings.position_embedding.weight": "positional_embedding",
        "final_layer_norm": "ln_final", "encoder.layers": "transformer.resblocks", "layer_norm": "ln_",
        "self_attn.out_proj": "attn.out_proj", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
    }  # fmt: skip
    found = []
    for each in tensors:
        name, shape = each.name, list(each.shape)
        if ".k_proj." in name or ".v_proj." in name:
            continue
        if ".q_proj." in name:
            name, shape[0] = name.replace("self_attn.q_proj.", "attn.in_proj_"), 3 * shape[0]
        for ours, theirs in renamed.items():
            name = name.replace(ours, theirs)
        found.append(Stored(prefix + name, each.dtype, shape, each.content))
    return tuple(found)


def _fill(seed: int, name: str, *shape: int) -> Stored:
    return Stored(name, "F16", list(shape), draw(seed, *shape).half().numpy().tobytes())


def _numbers(seed: int, count: int) -> bytes:
    """Numbers of about 1 in fp8, of either sign."""
    return bytes(Random(seed).choices([*range(0x28, 0x3C), *range(0xA8, 0xBC)], k=count))


def _name_like(pattern: str) -> str:
    """A name that the regular expression of a family matches."""
    for part, text in (
        (r"\(\?P<index>\\d\+\)", "0"), (r"\(\.\*\\\.\)\?", ""), (r"\(core\\\.\)\?", ""), (r"\((\w+)\|\w+\)", r"\1"),
        (r"\[(\w)\w*\]", r"\1"), (r"\\d\+", "0"), (r"\.\*", "x"), (r"\\(.)", r"\1"),
    ):  # fmt: skip
        pattern = re.sub(part, text, pattern)
    return pattern
