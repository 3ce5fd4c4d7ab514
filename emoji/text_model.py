"""The emoji models' text encoder behind the host's CLIP classes and tokenizer: four layers of width 256.

The shipped files store only the token embeddings of words that captions use; every other token of the 49,408 shares one
row, which was trained as "some other word". A checkpoint that the host saves carries the full table.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import torch
from comfy import sd1_clip
from torch import Tensor

from .text_network import END, HEADS, LAYERS, LENGTH, TOKENS, WIDTH

#: Before the text encoder's names in the host's CLIP.
PREFIX = "clip_l.transformer.text_model."
_TABLE = "embeddings.token_embedding.weight"
_IDS = "token_ids"
Options: TypeAlias = "dict[str, Any] | None"
CONFIG: dict[str, Any] = {
    "architectures": ["CLIPTextModel"],
    "bos_token_id": 0,
    "eos_token_id": END,
    "hidden_act": "quick_gelu",
    "hidden_size": WIDTH,
    "intermediate_size": 4 * WIDTH,
    "layer_norm_eps": 1e-05,
    "max_position_embeddings": LENGTH,
    "model_type": "clip_text_model",
    "num_attention_heads": HEADS,
    "num_hidden_layers": LAYERS,
    "pad_token_id": 1,
    "projection_dim": WIDTH,
    "vocab_size": TOKENS,
}


class EmojiTextModel(sd1_clip.SDClipModel):
    """The text transformer, as the host's SD 1 one but for its size; pooled: the state at the end token."""

    def __init__(self, device: Any = "cpu", dtype: torch.dtype | None = None, model_options: Options = None):
        super().__init__(
            device=device,
            dtype=dtype,
            textmodel_json_config=dict(CONFIG),
            return_projected_pooled=False,
            model_options=model_options or {},
        )


class EmojiClipModel(sd1_clip.SD1ClipModel):
    """What `comfy.sd.CLIP` holds for the emoji models."""

    def __init__(self, device: Any = "cpu", dtype: torch.dtype | None = None, model_options: Options = None):
        super().__init__(device=device, dtype=dtype, model_options=model_options or {}, clip_model=EmojiTextModel)


def expand_token_table(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    """The host's names with the full table of tokens; a file that has it already is handed on as it is."""
    ids = state_dict.get(PREFIX + _IDS)
    if ids is None:
        return state_dict
    rows = state_dict[PREFIX + _TABLE]
    table = rows[:1].repeat(TOKENS, 1)
    table[ids.long()] = rows[1:]
    return {**{k: v for k, v in state_dict.items() if k != PREFIX + _IDS}, PREFIX + _TABLE: table}
