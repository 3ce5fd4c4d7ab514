"""The text encoder as training runs it: CLIP's text transformer in small, under the host's names for its weights.

Only tokens that captions use have a row in the table; all others share row 0, trained as "some other word". The host's
own class runs the same weights for those who draw, see `text_model`; a test compares the two.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

TOKENS, START, END, LENGTH = 49408, 49406, 49407, 77
WIDTH, LAYERS, HEADS = 256, 4, 4


class _Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(WIDTH, WIDTH) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        projections = (self.q_proj, self.k_proj, self.v_proj)
        q, k, v = (projection(x).unflatten(-1, (HEADS, -1)).transpose(1, 2) for projection in projections)
        attended = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out_proj(attended.transpose(1, 2).flatten(2))


class _Perceptron(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc1(x)
        return self.fc2(x * torch.sigmoid(1.702 * x))


class _Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.self_attn, self.mlp = _Attention(), _Perceptron()
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class _Embeddings(nn.Module):
    def __init__(self, rows: int) -> None:
        super().__init__()
        self.token_embedding, self.position_embedding = nn.Embedding(rows, WIDTH), nn.Embedding(LENGTH, WIDTH)
        nn.init.normal_(self.token_embedding.weight, std=0.5)
        nn.init.normal_(self.position_embedding.weight, std=0.02)


class _Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer() for _ in range(LAYERS))


class TextNetwork(nn.Module):
    """Token ids (n, length), at most 77, to hidden states (n, length, 256); `token_ids` (w,) are those with a row."""

    token_ids: Tensor
    rows: Tensor

    def __init__(self, token_ids: Tensor) -> None:
        super().__init__()
        self.embeddings = _Embeddings(len(token_ids) + 1)
        self.encoder = _Encoder()
        self.final_layer_norm = nn.LayerNorm(WIDTH)
        self.register_buffer("token_ids", token_ids.long())
        rows = torch.zeros(TOKENS, dtype=torch.long)
        rows[token_ids.long()] = torch.arange(1, len(token_ids) + 1)
        self.register_buffer("rows", rows, persistent=False)

    def forward(self, tokens: Tensor, hidden: Tensor | None = None) -> Tensor:
        """`hidden` (n, length), bool: words to read as "some other word"."""
        rows = self.rows[tokens]
        if hidden is not None:
            rows = rows.masked_fill(hidden, 0)
        x = self.embeddings.token_embedding(rows) + self.embeddings.position_embedding.weight[: tokens.shape[1]]
        for layer in self.encoder.layers:
            x = layer(x)
        return self.final_layer_norm(x)


def pad(tokens: Tensor, length: int = LENGTH) -> Tensor:
    """Token ids (n, length), int64, filled up with the end token as SD 1 does."""
    return functional.pad(tokens.long(), (0, length - tokens.shape[1]), value=END)


def find_ends(tokens: Tensor) -> Tensor:
    """The place of the first end token in each text, (n,), int64."""
    return (tokens == END).int().argmax(1)
