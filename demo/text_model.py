"""The demo model's text encoder: the host's CLIP classes and tokenizer, two layers of width 128.

The shipped file stores only the token embeddings of words that captions use; every other token of the 49,408 shares one
row, which was trained as "some other word". A checkpoint that the host saves carries the full table.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import torch
from comfy import sd1_clip

PREFIX = "cond_stage_model.transformer.text_model."
_TABLE = PREFIX + "embeddings.token_embedding.weight"
_IDS = PREFIX + "embeddings.token_ids"
VOCABULARY = 49408
Options: TypeAlias = "dict[str, Any] | None"
CONFIG: dict[str, Any] = {
    "architectures": ["CLIPTextModel"],
    "bos_token_id": 0,
    "eos_token_id": 49407,
    "hidden_act": "quick_gelu",
    "hidden_size": 128,
    "intermediate_size": 512,
    "layer_norm_eps": 1e-05,
    "max_position_embeddings": 77,
    "model_type": "clip_text_model",
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "pad_token_id": 1,
    "projection_dim": 128,
    "vocab_size": VOCABULARY,
}


class DemoTextModel(sd1_clip.SDClipModel):
    """The text transformer, as the host's SD 1 one but for its size."""

    def __init__(self, device: Any = "cpu", dtype: torch.dtype | None = None, model_options: Options = None):
        super().__init__(
            device=device,
            dtype=dtype,
            textmodel_json_config=dict(CONFIG),
            return_projected_pooled=False,
            model_options=model_options or {},
        )


class DemoClipModel(sd1_clip.SD1ClipModel):
    """What `comfy.sd.CLIP` holds for the demo model."""

    def __init__(self, device: Any = "cpu", dtype: torch.dtype | None = None, model_options: Options = None):
        super().__init__(device=device, dtype=dtype, model_options=model_options or {}, clip_model=DemoTextModel)


def compress_token_table(table: torch.Tensor, ids: torch.Tensor) -> dict[str, torch.Tensor]:
    """Checkpoint entries for rows (1 + w, 128), the row for other words first, and the ids (w,) of the others."""
    return {_TABLE: table, _IDS: ids.to(torch.int32)}


def expand_token_table(state_dict: dict[str, torch.Tensor]) -> None:
    """Scatter stored rows into the full table, in place; a file that has the full table already is left alone."""
    ids = state_dict.pop(_IDS, None)
    if ids is None:
        return
    rows = state_dict[_TABLE]
    table = rows[:1].repeat(VOCABULARY, 1)
    table[ids.long()] = rows[1:]
    state_dict[_TABLE] = table
