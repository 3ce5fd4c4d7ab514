"""Draw the icon and the banner that the registry shows: shapes of the small model's world, one of them being erased.

    python -m registry.draw

The registry takes a square icon of at most 400 × 400 and a banner of 21:9.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from demo.world import BACKGROUNDS, COLOURS, OUTLINES
from rece_core.benchmarks.text_layout import load_font

FOLDER = Path(__file__).parent
ICON, BANNER = (400, 400), (1344, 576)
FINER = 4  # drawn so many times larger, then reduced, for smooth edges
CELLS = 18  # across a shape that is erased
PAPER = (0.97, 0.97, 0.97)
TITLE, SUBTITLE = "RECE", "Make a model forget. Keep the rest."

Colour = tuple[float, float, float]
Point = tuple[float, float]


def trace(shape: str, centre: Point, radius: float) -> list[Point]:
    """The outline of a shape of the world as a polygon, in pixels."""
    corners = OUTLINES[shape]
    if shape in ("circle", "ring"):  # the world's own has few corners, which a large picture would show
        angle = np.linspace(0, 2 * math.pi, 360, endpoint=False)
        corners = np.stack([np.cos(angle), np.sin(angle)], 1)
    return [(centre[0] + radius * x, centre[1] + radius * y) for x, y in corners]


def draw_shape(page: Image.Image, shape: str, colour: Colour, centre: Point, radius: float) -> None:
    """A shape as the world has it."""
    pen = ImageDraw.Draw(page)
    pen.polygon(trace(shape, centre, radius), fill=as_bytes(colour))
    if shape == "ring":
        pen.polygon(trace(shape, centre, radius / 2), fill=as_bytes(BACKGROUNDS["grey"]))


def draw_erased(page: Image.Image, shape: str, colour: Colour, centre: Point, radius: float) -> None:
    """A shape whose right half comes apart into squares that shrink and drift off; a broken line says where it was."""
    whole = Image.new("L", page.size, 0)
    ImageDraw.Draw(whole).polygon(trace(shape, centre, radius), fill=255)
    inside, fast = np.asarray(whole), np.zeros_like(np.asarray(whole))
    pen, rng, side = ImageDraw.Draw(page), np.random.default_rng(3), 2 * radius / CELLS
    for row in range(CELLS):
        for column in range(CELLS):
            loose = max(0.0, column / CELLS - 0.42 + 0.16 * rng.uniform(-1, 1))
            drift = rng.uniform(-1, 1)
            x, y = centre[0] - radius + (column + 0.5) * side, centre[1] - radius + (row + 0.5) * side
            half = side / 2
            box = tuple(round(each) for each in (x - half, y - half, x + half, y + half))
            if loose == 0:
                fast[box[1] : box[3], box[0] : box[2]] = inside[box[1] : box[3], box[0] : box[2]]
            elif inside[int(y), int(x)] and loose < 1 / 1.7:
                half *= 1.0 - 1.7 * loose
                x, y = x + 1.5 * radius * loose**2, y + radius * loose**2 * drift
                pen.rectangle((x - half, y - half, x + half, y + half), fill=as_bytes(colour))
    page.paste(as_bytes(colour), mask=Image.fromarray(fast))
    outline = trace(shape, centre, radius)
    for start in range(0, len(outline) - 5, 10):
        if outline[start][0] > centre[0]:
            pen.line(outline[start : start + 5], fill=as_bytes(PAPER), width=max(1, round(radius / 40)))


def draw_icon() -> Image.Image:
    """A disc that is being erased."""
    width, height = (FINER * each for each in ICON)
    page = Image.new("RGB", (width, height), as_bytes(BACKGROUNDS["grey"]))
    draw_erased(page, "circle", COLOURS["red"], (0.46 * width, 0.5 * height), 0.34 * width)
    return page.resize(ICON, Image.Resampling.LANCZOS)


def draw_banner() -> Image.Image:
    """The disc among shapes that stay, and the name."""
    width, height = (FINER * each for each in BANNER)
    page = Image.new("RGB", (width, height), as_bytes(BACKGROUNDS["grey"]))
    kept = (("square", "blue"), ("star", "yellow"), ("ring", "green"), ("triangle", "cyan"), ("cross", "pink"))
    row = [*kept[:2], None, *kept[2:]]
    for place, named in enumerate(row):
        centre = ((place + 0.5) / len(row) * width, 0.36 * height)
        if named:
            draw_shape(page, named[0], COLOURS[named[1]], centre, 0.15 * height)
        else:
            draw_erased(page, "circle", COLOURS["red"], centre, 0.17 * height)
    pen = ImageDraw.Draw(page)
    for text, size, top in ((TITLE, 0.17, 0.60), (SUBTITLE, 0.075, 0.81)):
        font = load_font(int(size * height), bold=text == TITLE)
        left = (width - font.getlength(text)) / 2
        pen.text((left, top * height), text, font=font, fill=as_bytes(PAPER))
    return page.resize(BANNER, Image.Resampling.LANCZOS)


def as_bytes(colour: Colour) -> tuple[int, int, int]:
    """Shares of 1 as bytes."""
    red, green, blue = (round(255 * share) for share in colour)
    return red, green, blue


def main() -> None:
    draw_icon().save(FOLDER / "icon.png", optimize=True)
    draw_banner().save(FOLDER / "banner.png", optimize=True)


if __name__ == "__main__":
    main()
