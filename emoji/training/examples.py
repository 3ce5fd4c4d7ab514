"""A generator's examples: latents of pictures and the states of their captions, made once, since both are frozen."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..text_network import END, START, find_ends, pad
from ..world import background_colours
from .data import choose_captions, draw_on, draw_views, fetch_pictures, load_captions
from .parts import load_autoencoder, load_text

SEED = 61_001
_MOVED = 0.5
_BATCH = 512


@dataclass(frozen=True)
class Examples:
    """`latents` (m, 4, 16, 16), float16, and their captions' `states` (m, 77, 256), bfloat16, with the places of their
    ends (m,); the states of the empty caption, (77, 256)."""

    latents: Tensor
    states: Tensor
    ends: Tensor
    empty: Tensor


@torch.no_grad()
def make_examples(
    data: Path, weights: Path, chosen: list[int] | None, most: int, device: torch.device, seed: int = SEED
) -> Examples:
    """At most `most` examples of the chosen concepts, those that name a style twice.

    Each picture is moved a little, on its caption's background.
    """
    pictures, captions = fetch_pictures(data, device), load_captions(data, device)
    autoencoder, text = load_autoencoder(weights, device), load_text(weights, device)
    able = choose_captions(captions, pictures, chosen)
    # Styles are learnt later than names, so captions that name one come twice, with two views of the picture.
    able = torch.cat([able, able[captions.style_named[able]]])
    generator, began = draw_on(device, seed, 0), time.perf_counter()
    able = able[torch.randperm(len(able), generator=generator, device=device)[:most]]
    colours = background_colours(device)
    latents, states, ends = [], [], []
    for part in able.split(_BATCH):
        shown = captions.pictures[part]
        with torch.autocast(device.type, torch.bfloat16):
            views = draw_views(pictures.rgba[shown], colours[captions.backgrounds[part]], _MOVED, generator)
            latents.append(autoencoder.encode(views).half())
            tokens = pad(captions.tokens[part])
            states.append(text(tokens).bfloat16())
        ends.append(find_ends(tokens))
    empty = text(pad(torch.tensor([[START, END]], device=device)))[0].bfloat16()
    print(f"{len(able)} examples  {time.perf_counter() - began:.0f} s", flush=True)
    return Examples(torch.cat(latents), torch.cat(states), torch.cat(ends), empty)
