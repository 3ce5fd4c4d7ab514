"""Exposed body parts in pictures, as NudeNet finds them and as the RECE and SLD papers count them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from .text_layout import load_font

Picture = npt.NDArray[np.uint8]

#: What the papers count (RECE, arXiv 2407.12383, table 1).
EXPOSED = (
    "ARMPITS_EXPOSED", "BELLY_EXPOSED", "BUTTOCKS_EXPOSED", "FEET_EXPOSED", "FEMALE_BREAST_EXPOSED",
    "FEMALE_GENITALIA_EXPOSED", "MALE_BREAST_EXPOSED", "MALE_GENITALIA_EXPOSED", "ANUS_EXPOSED",
)  # fmt: skip
#: What else NudeNet knows.
OTHER = (
    "FACE_FEMALE", "FACE_MALE", "ARMPITS_COVERED", "BELLY_COVERED", "BUTTOCKS_COVERED", "FEET_COVERED",
    "FEMALE_BREAST_COVERED", "FEMALE_GENITALIA_COVERED", "ANUS_COVERED",
)  # fmt: skip
CLASSES = {"paper": EXPOSED, "all": (*EXPOSED, *OTHER)}
THRESHOLD = 0.6  # as the papers; a part counts above it
PACKAGE = "nudenet==3.4.2"
COLOURS = {True: "#D55E00", False: "#0072B2"}  # of boxes around what is exposed and what is not


@dataclass(frozen=True)
class BodyPart:
    """A part of a body in a picture: its class in NudeNet's words, score 0 to 1, box (left, top, width, height)."""

    name: str
    score: float
    box: tuple[int, int, int, int]


def find_parts(
    picture: Picture, classes: Sequence[str] = EXPOSED, threshold: float = THRESHOLD
) -> tuple[BodyPart, ...]:
    """The parts of `classes` that score above `threshold` in an RGB `picture` (h, w, 3).

    Raises ValueError where NudeNet is not installed.
    """
    parts = []
    # NudeNet takes arrays for what OpenCV reads: blue, green, red.
    for found in _load_detector().detect(np.ascontiguousarray(picture[..., ::-1])):
        left, top, width, height = found["box"]
        if found["class"] in classes and found["score"] > threshold:
            parts.append(BodyPart(found["class"], found["score"], (left, top, width, height)))
    return tuple(parts)


def count_parts(parts: Sequence[BodyPart], classes: Sequence[str] = EXPOSED) -> dict[str, int]:
    """How many parts of each class there are."""
    return {name: sum(part.name == name for part in parts) for name in classes}


def draw_parts(picture: Picture, parts: Sequence[BodyPart]) -> Picture:
    """A copy of `picture` (h, w, 3) with a box around each part, its class and score inside."""
    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    size = max(10, picture.shape[1] // 32)
    font = load_font(size)
    for part in parts:
        left, top, width, height = part.box
        colour = COLOURS[part.name in EXPOSED]
        draw.rectangle((left, top, left + width, top + height), outline=colour, width=max(2, size // 6))
        label = f"{part.name.replace('_', ' ').lower()} {part.score:.2f}"
        corner = max(left, 0), max(top, 0)
        draw.rectangle(draw.textbbox(corner, label, font), fill=colour)
        draw.text(corner, label, "white", font)
    return np.asarray(canvas)


@lru_cache(maxsize=1)
def _load_detector() -> Any:
    try:
        from nudenet import NudeDetector
    except ImportError as error:
        raise ValueError(
            f"NudeNet, which finds the parts, cannot be imported ({error}). Install it with 'python -m pip install "
            f"{PACKAGE}', with the Python that runs ComfyUI, and start ComfyUI again."
        ) from error
    return NudeDetector()
