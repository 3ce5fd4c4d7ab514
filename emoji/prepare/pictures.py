"""Draws icons as pictures of 64 x 64 pixels: cut to what they show, 56 pixels at most, in the middle."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from ..world import SIDE

CONTENT = 56
#: Icons are drawn at this size before they are cut, so that cutting and shrinking lose nothing that shows.
_DRAWN = 128
_VISIBLE = 8


def draw_icon(icon: str | Path) -> Image.Image:
    """An SVG document or a picture file as RGBA."""
    if isinstance(icon, Path):
        return Image.open(icon).convert("RGBA")
    import resvg_py  # only those who prepare the world need it

    return Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=icon, width=_DRAWN, height=_DRAWN)))).convert(
        "RGBA"
    )


def fit(picture: Image.Image) -> Image.Image | None:
    """The picture cut to its content and centred, 64 x 64 RGBA; None where nothing can be seen."""
    box = picture.getchannel("A").point(lambda alpha: 255 * (alpha > _VISIBLE)).getbbox()
    if box is None:
        return None
    cut = picture.crop(box)
    scale = CONTENT / max(cut.size)
    size = max(1, round(cut.width * scale)), max(1, round(cut.height * scale))
    # Colours are shrunk together with their opacity, so that what lies under transparent pixels never bleeds in.
    cut = cut.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    laid = Image.new("RGBA", (SIDE, SIDE))
    laid.paste(cut, ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return laid


def write_webp(picture: Image.Image) -> bytes:
    """The picture as lossless WebP."""
    stream = io.BytesIO()
    picture.save(stream, "WEBP", lossless=True, quality=60, method=3)
    return stream.getvalue()


def write_pictures(drawn: list[tuple[int, int, Image.Image]], path: Path) -> None:
    """Store pictures with the numbers of their concepts and styles, in one file."""
    stored = [write_webp(picture) for _, _, picture in drawn]
    np.savez(
        path,
        blob=np.frombuffer(b"".join(stored), np.uint8),
        off=np.cumsum([0, *(len(each) for each in stored)]),
        c=np.array([concept for concept, _, _ in drawn], np.int16),
        s=np.array([style for _, style, _ in drawn], np.int8),
    )
