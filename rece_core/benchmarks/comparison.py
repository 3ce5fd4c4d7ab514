"""Pictures before and after, side by side with their prompts, as one picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from ..texts.wording import count, quote
from .text_layout import break_lines, load_font, shorten

Pictures = npt.NDArray[np.uint8]

ASPECT = 4 / 3  # width to height of the sheet that is aimed at
MOST_LINES = 6  # of a prompt
INK, PAPER = "black", "white"


def compare_pictures(versions: Sequence[Pictures], headings: Sequence[str], prompts: Sequence[str]) -> Pictures:
    """One sheet (h, w, 3) of all `versions`, each (n, h, w, 3) with a heading: picture i of each stands side by side.

    `prompts` are written above them: none, one for all, one a picture, or a number that divides n, each for as many
    pictures in a row. Pictures keep their pixels. Raises ValueError for versions of unequal number or size, and for
    numbers of prompts that do not fit.
    """
    first, *others = versions
    for heading, other in zip(headings[1:], others, strict=True):
        if other.shape != first.shape:
            raise ValueError(
                f"{quote(headings[0])} has {_describe(first)}, {quote(heading)} {_describe(other)}. Expected as many "
                "of the same size: sample all with the same latent, or scale the pictures first."
            )
    captions = share_prompts(prompts, len(first))
    sheet = _Sheet.plan(len(versions), first.shape[1], first.shape[2], captions)
    sheet.write_headings(headings)
    for index in range(len(first)):
        sheet.write_block(index, [version[index] for version in versions])
    return np.asarray(sheet.image)


def share_prompts(prompts: Sequence[str], count: int) -> list[str]:
    """A prompt for each of `count` pictures; see `compare_pictures`."""
    if not prompts:
        return [""] * count
    if count % len(prompts):
        raise ValueError(
            f"{len(prompts)} prompts were given for {count} pictures. Expected one for all, one a picture, or one for "
            "each group of equally many pictures."
        )
    return [prompt for prompt in prompts for _ in range(count // len(prompts))]


def _describe(pictures: Pictures) -> str:
    number, height, width = pictures.shape[:3]
    return f"{count(number, 'picture')} of {width} × {height}"


@dataclass(frozen=True)
class _Sheet:
    """Blocks below a line of headings, each a prompt over the versions of one picture; lengths in pixels."""

    image: Image.Image
    captions: list[list[str]]
    letters: int
    gap: int  # between the versions of a picture; twice that around a block
    size: tuple[int, int]  # height and width of a picture
    columns: int
    bottoms: list[int]  # of the pictures of each row

    @classmethod
    def plan(cls, versions: int, height: int, width: int, prompts: Sequence[str]) -> _Sheet:
        """An empty sheet with as many columns of blocks as bring it nearest to its aspect."""
        letters, gap = max(12, width // 20), max(5, width // 32)
        across = versions * (width + gap) - gap
        captions = [break_lines(prompt, load_font(letters), across, MOST_LINES) for prompt in prompts]

        def measure(columns: int) -> tuple[int, list[int]]:
            """Width of the sheet, and where each row's pictures end."""
            rows = (captions[start : start + columns] for start in range(0, len(captions), columns))
            heights = (max(map(len, row)) * _line(letters) + height + 2 * gap for row in rows)
            bottoms = [_line(letters) + bottom for bottom in accumulate(heights)]
            return columns * (across + 4 * gap), bottoms

        def miss(columns: int) -> float:
            total, bottoms = measure(columns)
            return abs(math.log(total / bottoms[-1] / ASPECT))

        columns = min(range(1, len(prompts) + 1), key=miss)
        total, bottoms = measure(columns)
        image = Image.new("RGB", (total, bottoms[-1] + 2 * gap), PAPER)
        return cls(image, captions, letters, gap, (height, width), columns, bottoms)

    def write_headings(self, headings: Sequence[str]) -> None:
        """The heading of each version, over each column of blocks."""
        draw, font = ImageDraw.Draw(self.image), load_font(self.letters, bold=True)
        _, width = self.size
        for column in range(self.columns):
            for place, heading in enumerate(headings):
                middle = self._left(column, len(headings), place) + width / 2
                draw.text((middle, self.gap), shorten(heading, font, width), INK, font, anchor="ma")

    def write_block(self, index: int, pictures: Sequence[Pictures]) -> None:
        """All versions (h, w, 3) of picture `index`, its prompt right above them."""
        draw, font = ImageDraw.Draw(self.image), load_font(self.letters)
        row, column = divmod(index, self.columns)
        top = self.bottoms[row] - self.size[0]
        for place, picture in enumerate(pictures):
            self.image.paste(Image.fromarray(picture), (self._left(column, len(pictures), place), top))
        for up, caption in enumerate(reversed(self.captions[index]), start=1):
            draw.text((self._left(column, len(pictures), 0), top - up * _line(self.letters)), caption, INK, font)

    def _left(self, column: int, versions: int, place: int) -> int:
        step = self.size[1] + self.gap
        return column * (versions * step + 3 * self.gap) + 2 * self.gap + place * step


def _line(letters: int) -> int:
    return letters * 5 // 4
