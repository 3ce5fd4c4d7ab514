"""Letters on pictures: the font that matplotlib brings, or Pillow's own, and text broken into lines."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from PIL import ImageFont

from ..texts.wording import escape_controls

ELLIPSIS = "…"
MOST_LETTERS = 10_000  # of a text that is looked at, more than any sheet has room for


def load_font(pixels: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which has Latin, Greek and Cyrillic letters and more, at a height of `pixels`.

    Where matplotlib is missing Pillow's own font, of Latin letters alone and never bold.
    """
    try:
        import matplotlib  # only now: it takes most of the time that the pack needs to start
    except ImportError:
        return cast(ImageFont.FreeTypeFont, ImageFont.load_default(pixels))
    file = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / file), pixels)


def break_lines(text: str, font: ImageFont.FreeTypeFont, width: int, most: int) -> list[str]:
    """`text` in at most `most` lines, none wider than `width` pixels; an ellipsis where it had to be cut."""
    lines: list[str] = []
    for word in _take_letters(text).split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    if len(lines) > most:
        lines[most - 1 :] = [" ".join(lines[most - 1 :])]
    return [shorten(line, font, width) for line in lines]


def shorten(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    """`text` as one line, or as much of its beginning as fits into `width` pixels with an ellipsis behind it."""
    text = " ".join(_take_letters(text).split())
    if font.getlength(text) <= width:
        return text
    fitting, too_many = 0, len(text)
    while too_many - fitting > 1:
        middle = (fitting + too_many) // 2
        fits = font.getlength(text[:middle] + ELLIPSIS) <= width
        fitting, too_many = (middle, too_many) if fits else (fitting, middle)
    return text[:fitting].rstrip() + ELLIPSIS


def _take_letters(text: str) -> str:
    """What is looked at of a text of any length, with the numbers of what is no letter but a command."""
    return escape_controls(text[:MOST_LETTERS] + (ELLIPSIS if len(text) > MOST_LETTERS else ""))
