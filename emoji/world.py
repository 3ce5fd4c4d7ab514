"""The world of emoji: concepts with names and keywords, seven styles, six backgrounds, and the pictures of them."""

from __future__ import annotations

import io
import itertools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

FOLDER = Path(__file__).parent
CONCEPTS = FOLDER / "concepts.json"
PICTURES = "emoji.npz"
SIDE = 64

#: Each style by what captions call it; the order is that of the numbers in the files.
STYLES: dict[str, tuple[str, str]] = {
    "noto": ("noto", "google"),
    "twemoji": ("twemoji", "twitter"),
    "flat": ("flat", "microsoft flat"),
    "ink": ("ink", "black and white line art"),
    "firefox": ("firefox", "mozilla"),
    "emojione": ("emojione", "joypixels"),
    "3d": ("3d", "glossy plastic"),
}
BACKGROUNDS: dict[str, tuple[int, int, int]] = {
    "white": (255, 255, 255),
    "yellow": (255, 221, 130),
    "blue": (150, 200, 245),
    "green": (165, 220, 165),
    "pink": (250, 180, 205),
    "gray": (190, 190, 195),
}


@dataclass(frozen=True)
class Concept:
    """One emoji: what it is called, keywords for it, and its place in Unicode's groups."""

    label: str
    tags: tuple[str, ...]
    emoji: str
    group: int
    subgroup: int

    @property
    def words(self) -> frozenset[str]:
        """The words of two letters and more of its name and keywords, in lower case."""
        texts = (self.label, *self.tags)
        return frozenset(word for text in texts for word in text.lower().replace("-", " ").split() if len(word) > 1)


@dataclass(frozen=True)
class Pictures:
    """`rgba` (n, 64, 64, 4), uint8, and of each picture the number of its concept and its style, (n,), int64."""

    rgba: Tensor
    concepts: Tensor
    styles: Tensor


def load_concepts(path: Path = CONCEPTS) -> list[Concept]:
    """The concepts in the order of their numbers."""
    listed = json.loads(path.read_text(encoding="utf-8"))
    return [
        Concept(each["label"], tuple(each["tags"]), each["emoji"], each["group"], each["subgroup"]) for each in listed
    ]


def load_pictures(folder: Path) -> Pictures:
    """The pictures that `emoji.prepare` has written into a folder.

    Raises:
        ValueError: the folder has none.
    """
    path = folder / PICTURES
    if not path.is_file():
        raise ValueError(f"no {PICTURES} in {folder}; expected what `python -m emoji.prepare` writes: run it first")
    with np.load(path) as stored:
        blob, ends = stored["blob"].tobytes(), stored["off"].tolist()
        concepts, styles = (torch.from_numpy(stored[name].astype(np.int64)) for name in ("c", "s"))
    each = (Image.open(io.BytesIO(blob[start:end])) for start, end in itertools.pairwise(ends))
    rgba = np.stack([np.asarray(picture.convert("RGBA")) for picture in each])
    return Pictures(torch.from_numpy(rgba), concepts, styles)


def is_held_out(concepts: Tensor, styles: Tensor) -> Tensor:
    """Which pairs of concept and style no generator is ever trained on, (n,), bool: one in 25."""
    return (concepts * 7919 + styles * 104729) % 25 == 3


def background_colours(device: torch.device | str = "cpu") -> Tensor:
    """The backgrounds' colours, (6, 3), float32 in 0..255."""
    return torch.tensor(list(BACKGROUNDS.values()), dtype=torch.float32, device=device)


def compose(rgba: Tensor, colours: Tensor) -> Tensor:
    """Pictures on plain colours, (n, 3, 64, 64) in -1..1, from (n, 64, 64, 4) and colours (n, 3), both in 0..255."""
    opacity = rgba[..., 3:].float() / 255
    laid = rgba[..., :3] * opacity + (1 - opacity) * colours[:, None, None]
    return (laid / 127.5 - 1).movedim(-1, 1)
