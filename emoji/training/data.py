"""What training draws from: pictures, captions as token ids, and which of them belong to the concepts in question."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..world import Pictures, background_colours, compose, is_held_out, load_concepts, load_pictures

CAPTIONS = "captions.npz"


@dataclass(frozen=True)
class Captions:
    """Captions as `emoji.prepare` writes them, on one device.

    `tokens` (m, 30), filled up with the end token; of each the number of its picture, its background and its kind, and
    whether it names the style, (m,); `words` (concepts, w), 0 or 1; `token_ids` (t,), those in use.
    """

    tokens: Tensor
    pictures: Tensor
    backgrounds: Tensor
    kinds: Tensor
    style_named: Tensor
    words: Tensor
    token_ids: Tensor


def load_captions(folder: Path, device: torch.device | str = "cpu") -> Captions:
    """Read what `emoji.prepare` has written into a folder."""
    with np.load(folder / CAPTIONS) as stored:
        columns = {name: torch.from_numpy(stored[name].astype(np.int32)).to(device) for name in ("t", "i", "b", "k")}
        named = torch.from_numpy(stored["named"]).to(device) > 0
        words = np.unpackbits(stored["tags"], axis=1)[:, : int(stored["nvocab"])]
        used = torch.from_numpy(stored["used"].astype(np.int64))
    pictures, backgrounds, kinds = (columns[name].long() for name in ("i", "b", "k"))
    return Captions(columns["t"], pictures, backgrounds, kinds, named, torch.from_numpy(words).to(device), used)


def read_list(path: Path | None) -> list[int] | None:
    """The numbers of the concepts whose names a JSON file lists; None, for all, where there is no file.

    Raises:
        ValueError: a name is none of the concepts'.
    """
    if path is None:
        return None
    numbers = {concept.label: number for number, concept in enumerate(load_concepts())}
    names = json.loads(path.read_text(encoding="utf-8"))
    unknown = [name for name in names if name not in numbers]
    if unknown:
        raise ValueError(f"{path} names {unknown[0]!r}, which is no concept's label; expected labels of concepts.json")
    return [numbers[name] for name in names]


def choose_captions(captions: Captions, pictures: Pictures, chosen: list[int] | None) -> Tensor:
    """Numbers of captions that a generator is trained on: of the chosen concepts, without held-out pairs; (k,)."""
    concepts = pictures.concepts.to(captions.pictures.device)[captions.pictures]
    styles = pictures.styles.to(captions.pictures.device)[captions.pictures]
    wanted = ~is_held_out(concepts, styles)
    if chosen is not None:
        wanted &= torch.isin(concepts, torch.tensor(chosen, device=concepts.device))
    return wanted.nonzero()[:, 0]


def draw_colours(count: int, generator: torch.Generator) -> Tensor:
    """Backgrounds, (n, 3) in 0..255: the named ones, and now and then any colour."""
    device = generator.device
    named = background_colours(device)
    picked = named[torch.randint(len(named), (count,), generator=generator, device=device)]
    any_colour = torch.rand(count, 3, generator=generator, device=device) * 255
    return torch.where(torch.rand(count, 1, generator=generator, device=device) < 0.15, any_colour, picked)


def move(rgba: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Pictures (n, 64, 64, 4), shifted and scaled a little, float32 in 0..255; strength 1 is six pixels, 17 %."""
    count, device = len(rgba), rgba.device
    colour, opacity = rgba[..., :3].float(), rgba[..., 3:].float()
    # Colours are moved together with their opacity, so that what lies under transparent pixels never shows.
    layers = torch.cat([colour * opacity / 255, opacity], -1).movedim(-1, 1)
    placed = torch.zeros(count, 2, 3, device=device)
    scale = 1 + 0.12 * strength * (1.6 * torch.rand(count, generator=generator, device=device) - 0.2)
    placed[:, 0, 0] = placed[:, 1, 1] = scale
    placed[:, :, 2] = 0.1 * strength * (2 * torch.rand(count, 2, generator=generator, device=device) - 1)
    grid = functional.affine_grid(placed, [*layers.shape], align_corners=False)
    moved = functional.grid_sample(layers, grid, align_corners=False).movedim(1, -1)
    opacity = moved[..., 3:]
    return torch.cat([moved[..., :3] * 255 / opacity.clamp_min(1e-3), opacity], -1)


def draw_views(rgba: Tensor, colours: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Moved pictures on colours, (n, 3, 64, 64) in -1..1."""
    return compose(move(rgba, strength, generator), colours)


@functools.lru_cache(maxsize=1)  # unpacking takes seconds, and trainings follow each other
def fetch_pictures(data: Path, device: torch.device) -> Pictures:
    """The pictures of a folder, on a device."""
    loaded = load_pictures(data)
    return Pictures(loaded.rgba.to(device), loaded.concepts.to(device), loaded.styles.to(device))


def draw_on(device: torch.device, seed: int, step: int) -> torch.Generator:
    """A generator for one step of a training on a device, so that a resumed run draws what an unbroken one would."""
    return torch.Generator(device).manual_seed(seed * 100_000 + step)
