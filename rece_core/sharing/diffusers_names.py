"""The host's names of a diffusion model's weights, from those that diffusers gives them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from .lora_keys import GENERIC, TO_CLASSES, TRANSFORMERS

POOLED_IN = "time_text_embed.text_embedder.linear_1"
TEXT_IN = "context_embedder.weight"
DEEPEST = 4  # dots in the beginning of a name that is renamed
# By family: weights by which diffusers' transformer is known, and what else is renamed, for the family's marks.
KNOWN_BY: Mapping[str, tuple[tuple[str, ...], Mapping[str, str]]] = {
    "SD3": ((TEXT_IN, f"{POOLED_IN}.weight", "pos_embed.proj.weight"), {"transformer_blocks.": "joint_blocks."}),
    "Flux.1": ((TEXT_IN, f"{POOLED_IN}.weight", "single_transformer_blocks.0.norm.linear.weight"), {}),
}


def name_as_host(names: Collection[str]) -> dict[str, str]:
    """The host's name of each weight of a model of diffusers; nothing for names that are not those of one.

    Known are U-Nets and the transformers of SD3 and Flux. Weights that neither read the text nor stand behind what
    does keep what diffusers calls them, behind the host's prefix.
    """
    starts = _map_transformer(names) or _map_unet(names)
    if not starts:
        return {}
    found = {}
    for name in names:
        pieces = [piece + "." for piece in name.split(".", DEEPEST)]
        beginnings = ("".join(pieces[:count]) for count in range(len(pieces), 0, -1))
        start = next((each for each in beginnings if each in starts), "")
        found[name] = GENERIC + starts.get(start, "") + name.removeprefix(start)
    return found


def _map_transformer(names: Collection[str]) -> dict[str, str]:
    for family, (marks, further) in KNOWN_BY.items():
        if all(mark in names for mark in marks):
            return {f"{theirs}.": f"{ours}." for ours, theirs in TRANSFORMERS[family].items()} | dict(further)
    return {}


def _map_unet(names: Collection[str]) -> dict[str, str]:
    """Beginnings of names of a U-Net: blocks of a residual network each, and on the way down a step after a level."""
    blocks = {}
    for theirs, ours, number in (("down", "input", 1), ("up", "output", 0)):
        matches = [re.match(rf"{theirs}_blocks\.(\d{{1,3}})\.(resnets|downsamplers)\.(\d{{1,3}})\.", n) for n in names]
        found = {(int(match[1]), match[2], int(match[3])) for match in matches if match}
        for level, kind, place in sorted(found, key=lambda each: (each[0], each[1] != "resnets", each[2])):
            if kind == "resnets":
                blocks[f"{theirs}_blocks.{level}.attentions.{place}."] = f"{ours}_blocks.{number}.1."
            number += 1
    if not blocks:
        return {}
    classes = {f"{theirs}.": f"{ours}." for ours, theirs in TO_CLASSES.items()}
    return {**blocks, **classes, "mid_block.attentions.0.": "middle_block.1."}
