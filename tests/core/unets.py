"""U-Nets of real structure and few channels: the weights that matter to the text, as checkpoints name them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

POOLED_COLUMNS = 1280 + 6 * 256  # SDXL's: the pooled embedding, then six numbers as waves


@dataclass(frozen=True)
class UNet:
    """A structure: channels and transformer depth of each level, two blocks a level, and what diffusers calls it."""

    channels: Sequence[int]
    depths: Sequence[int]
    width: int
    pooled: bool

    def make_weights(self, seed: int = 0) -> dict[str, Tensor]:
        """float32, random: all that read the text, what is behind them, and one weight of every other block."""
        generator = torch.Generator().manual_seed(seed)
        return {
            name: torch.randn(shape, generator=generator) / (shape[-1] if len(shape) == 2 else 100) ** 0.5
            for name, shape in self._shapes()
        }

    def _shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        number = 0
        yield "input_blocks.0.0.bias", (self.channels[0],)
        levels = range(len(self.channels))
        for level in levels:
            for _ in range(2):
                number += 1
                yield from self._block(f"input_blocks.{number}", level)
            if level < levels[-1]:
                number += 1
                yield f"input_blocks.{number}.0.op.weight", (self.channels[level], self.channels[level], 3, 3)
        yield from self._block("middle_block", levels[-1], depth=max(self.depths[levels[-1]], 1))
        yield "middle_block.2.in_layers.0.bias", (self.channels[-1],)
        number = 0
        for level in reversed(levels):
            for place in range(3):
                yield from self._block(f"output_blocks.{number}", level)
                if place == 2 and level > 0:
                    inside = 2 if self.depths[level] else 1
                    yield (
                        f"output_blocks.{number}.{inside}.conv.weight",
                        (self.channels[level], self.channels[level], 3, 3),
                    )
                    yield f"output_blocks.{number}.{inside}.conv.bias", (self.channels[level],)
                number += 1
        if self.pooled:
            yield "label_emb.0.0.weight", (4 * self.channels[0], POOLED_COLUMNS)
            yield "label_emb.0.0.bias", (4 * self.channels[0],)
            yield "label_emb.0.2.weight", (4 * self.channels[0], 4 * self.channels[0])
            yield "label_emb.0.2.bias", (4 * self.channels[0],)

    def _block(self, name: str, level: int, depth: int | None = None) -> Iterator[tuple[str, tuple[int, ...]]]:
        channels = self.channels[level]
        yield f"{name}.0.out_layers.0.bias", (channels,)
        for index in range(self.depths[level] if depth is None else depth):
            attention = f"{name}.1.transformer_blocks.{index}.attn2"
            yield f"{attention}.to_k.weight", (channels, self.width)
            yield f"{attention}.to_v.weight", (channels, self.width)
            yield f"{attention}.to_out.0.weight", (channels, channels)
            yield f"{attention}.to_out.0.bias", (channels,)

    @property
    def config(self) -> dict[str, Any]:
        """What diffusers' UNet2DConditionModel takes to be of this structure."""
        down = ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in self.depths]
        classes = {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": POOLED_COLUMNS,
        }
        return {
            "block_out_channels": tuple(self.channels),
            "down_block_types": tuple(down),
            "up_block_types": tuple(name.replace("Down", "Up") for name in reversed(down)),
            "transformer_layers_per_block": [max(depth, 1) for depth in self.depths],
            "cross_attention_dim": self.width,
            "attention_head_dim": 4,
            **(classes if self.pooled else {}),
        }


SD1 = UNet((32, 64, 64, 96), (1, 1, 1, 0), 768, pooled=False)
SDXL = UNet((32, 64, 96), (0, 2, 3), 2048, pooled=True)
