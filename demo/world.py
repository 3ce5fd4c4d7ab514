"""The world the demo model draws: one flat shape on a plain background.

A `Scene` says what is in a picture, `draw_scene` makes one up, `render` paints it. Lengths are fractions of the
picture's side, the origin is its centre, y points down. Everything is deterministic in the generator it is given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

BACKGROUNDS: dict[str, tuple[float, float, float]] = {
    "white": (0.97, 0.97, 0.97),
    "cream": (0.94, 0.88, 0.74),
    "grey": (0.34, 0.34, 0.36),
    "black": (0.05, 0.05, 0.06),
}
# Stripes, dots and outlines are painted in an ink that stands out from the background, so that the silhouette stays
# visible and the colour of the shape stays its own.
INKS: dict[str, tuple[float, float, float]] = {
    "white": (0.08, 0.08, 0.09),
    "cream": (0.08, 0.08, 0.09),
    "grey": (0.97, 0.97, 0.97),
    "black": (0.97, 0.97, 0.97),
}
COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.86, 0.11, 0.13),
    "orange": (0.98, 0.54, 0.06),
    "yellow": (0.97, 0.88, 0.10),
    "green": (0.12, 0.62, 0.22),
    "cyan": (0.10, 0.78, 0.82),
    "blue": (0.12, 0.26, 0.88),
    "purple": (0.52, 0.15, 0.66),
    "pink": (0.98, 0.56, 0.76),
}
FILLS = ("plain", "striped", "dotted", "outlined")
SIZES: dict[str, tuple[float, float]] = {"small": (0.24, 0.29), "large": (0.36, 0.42)}
PLACES: dict[str, tuple[int, int]] = {"left": (-1, 0), "right": (1, 0), "top": (0, -1), "bottom": (0, 1)}


def _trace_ellipse(corners: int = 28) -> np.ndarray:
    angle = np.linspace(0, 2 * math.pi, corners, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], 1)


def _trace_star(points: int = 5, inner: float = 0.45) -> np.ndarray:
    angle = np.arange(2 * points) * math.pi / points - math.pi / 2
    radius = np.where(np.arange(2 * points) % 2 == 0, 1.0, inner)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)


def _trace_heart(corners: int = 28) -> np.ndarray:
    angle = np.linspace(0, 2 * math.pi, corners, endpoint=False)
    x = 16 * np.sin(angle) ** 3
    y = 13 * np.cos(angle) - 5 * np.cos(2 * angle) - 2 * np.cos(3 * angle) - np.cos(4 * angle)
    return np.stack([x / 16, -(y + 2.5) / 15], 1)


def _trace_cross(arm: float = 0.38) -> np.ndarray:
    corner = [(arm, -1), (arm, -arm), (1, -arm)]
    return np.array([(x * c - y * s, x * s + y * c) for c, s in ((1, 0), (0, 1), (-1, 0), (0, -1)) for x, y in corner])


_SQUARE = np.array([(-0.86, -0.86), (0.86, -0.86), (0.86, 0.86), (-0.86, 0.86)])
# The outline of every shape as a polygon of about unit radius, (corners, 2).
OUTLINES: dict[str, np.ndarray] = {
    "circle": _trace_ellipse(),
    "ellipse": _trace_ellipse(),
    "ring": _trace_ellipse(),
    "square": _SQUARE,
    "rectangle": _SQUARE / 0.86,
    "triangle": np.array([(0.0, -0.95), (0.98, 0.8), (-0.98, 0.8)]),
    "star": _trace_star(),
    "heart": _trace_heart(),
    "cross": _trace_cross(),
}
SHAPES = tuple(OUTLINES)
# They lie on their long side: where both ways were drawn, the model wavered between them and drew a square.
_FLAT = ("ellipse", "rectangle")
_RING_WIDTH = 0.5


@dataclass(frozen=True)
class Variation:
    """How far renders may differ where words leave them free.

    `drift`: how far the centre may lie from the middle; `aspect`: height over width of flat shapes.
    """

    radius: tuple[float, float] = (0.30, 0.38)
    drift: float = 0.06
    aspect: tuple[float, float] = (0.46, 0.54)
    angle: float = math.radians(6)
    tint: float = 0.03
    period: tuple[float, float] = (0.165, 0.185)
    pattern_angle: float = math.radians(6)


WORLD = Variation()


@dataclass(frozen=True)
class Scene:
    """What is in one picture: the four named attributes, and the numbers that place and vary it."""

    shape: str
    colour: str
    fill: str
    background: str
    radius: float
    x: float
    y: float
    aspect: float
    angle: float
    tint: tuple[float, float, float]
    period: float
    phase: tuple[float, float]
    pattern_angle: float


def draw_scene(
    rng: np.random.Generator,
    *,
    shape: str | None = None,
    colour: str | None = None,
    fill: str | None = None,
    background: str | None = None,
    size: str | None = None,
    place: str | None = None,
    variation: Variation = WORLD,
) -> Scene:
    """Make up a scene; attributes that are None are drawn at random. `size` and `place` are keys of SIZES, PLACES."""
    shape = shape or str(rng.choice(SHAPES))
    low, high = SIZES[size] if size else variation.radius
    if place:
        high = min(high, 0.33)
    radius = float(rng.uniform(min(low, high), high))
    room = 0.485 - radius
    if place:
        step_x, step_y = PLACES[place]
        x = step_x * room * rng.uniform(0.8, 1.0) + (step_x == 0) * rng.uniform(-0.25, 0.25) * room
        y = step_y * room * rng.uniform(0.8, 1.0) + (step_y == 0) * rng.uniform(-0.25, 0.25) * room
    else:
        x, y = rng.uniform(-1, 1, 2) * min(variation.drift, 0.8 * room)
    return Scene(
        shape=shape,
        colour=colour or str(rng.choice(list(COLOURS))),
        fill=fill or str(rng.choice(FILLS)),
        background=background or str(rng.choice(list(BACKGROUNDS))),
        radius=radius,
        x=float(x),
        y=float(y),
        aspect=float(rng.uniform(*variation.aspect)) if shape in _FLAT else 1.0,
        angle=float(rng.uniform(-1, 1)) * variation.angle,
        tint=tuple(float(v) for v in rng.uniform(-1, 1, 3) * variation.tint),  # type: ignore[arg-type]
        period=float(rng.uniform(*variation.period)),
        phase=tuple(float(v) for v in rng.random(2)),  # type: ignore[arg-type]
        pattern_angle=float(rng.uniform(-1, 1)) * variation.pattern_angle,
    )


def measure_distance(points: torch.Tensor, corners: torch.Tensor) -> torch.Tensor:
    """Signed distance of points (n, p, 2) to closed polygons (n, c, 2), negative inside; returns (n, p).

    Nearest edge for the size, even-odd crossings for the sign (I. Quilez, "2D distance functions", polygon).
    """
    px, py = points[..., 0], points[..., 1]
    nearest = torch.full_like(px, torch.inf)
    sign = torch.ones_like(px)
    for i in range(corners.shape[1]):
        ax, ay = corners[:, i, 0, None], corners[:, i, 1, None]
        bx, by = corners[:, i - 1, 0, None], corners[:, i - 1, 1, None]
        ex, ey, wx, wy = bx - ax, by - ay, px - ax, py - ay
        along = ((wx * ex + wy * ey) / (ex * ex + ey * ey)).clamp_(0, 1)
        nearest = torch.minimum(nearest, (wx - ex * along) ** 2 + (wy - ey * along) ** 2)
        crosses = ((py >= ay) != (py >= by)) & ((ex * wy > ey * wx) == (by > ay))
        sign = torch.where(crosses, -sign, sign)
    return sign * nearest.sqrt()


def _rotate(points: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    cos, sin = angle.cos()[:, None], angle.sin()[:, None]
    x, y = points[..., 0], points[..., 1]
    return torch.stack([x * cos - y * sin, x * sin + y * cos], -1)


def _cover_with_ink(scenes: list[Scene], points: torch.Tensor, distance: torch.Tensor, edge: float) -> torch.Tensor:
    """Share of each point that stripes, dots or an outline cover, (n, p) in 0..1; `edge` softens by a pixel."""
    radius = torch.tensor([s.radius for s in scenes])[:, None]
    period = torch.tensor([s.period for s in scenes])[:, None]
    phase = torch.tensor([s.phase for s in scenes])[:, None, :]
    turned = _rotate(points, torch.tensor([s.pattern_angle for s in scenes]))
    cell = ((turned / period[..., None] + phase) % 1.0 - 0.5) * period[..., None]
    covers = {
        "plain": torch.full_like(distance, -1.0),
        "striped": period / 4 - cell[..., 1].abs(),
        "dotted": 0.31 * period - cell.norm(dim=-1),
        "outlined": distance + 0.015 + 0.16 * radius,
    }
    chosen = torch.stack([covers[s.fill][i] for i, s in enumerate(scenes)])
    return (chosen / edge + 0.5).clamp(0, 1)


def _render_one_shape(scenes: list[Scene], corners: np.ndarray, pixels: int) -> torch.Tensor:
    axis = (torch.arange(pixels, dtype=torch.float32) + 0.5) / pixels - 0.5
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1).reshape(1, -1, 2)
    points = grid - torch.tensor([(s.x, s.y) for s in scenes])[:, None, :]
    scale = torch.tensor([(s.radius, s.radius * s.aspect) for s in scenes])[:, None, :]
    outline = torch.tensor(corners, dtype=torch.float32)[None] * scale
    distance = measure_distance(points, _rotate(outline, torch.tensor([s.angle for s in scenes])))
    edge = 1.0 / pixels
    inside = distance
    if scenes[0].shape == "ring":
        width = _RING_WIDTH * torch.tensor([s.radius for s in scenes])[:, None]
        inside = torch.maximum(distance, -(distance + width))
    body = (0.5 - inside / edge).clamp(0, 1)[..., None]
    ink = _cover_with_ink(scenes, points, distance, edge)[..., None]
    tint = torch.tensor([s.tint for s in scenes])
    colour = (torch.tensor([COLOURS[s.colour] for s in scenes]) + tint)[:, None, :]
    ground = (torch.tensor([BACKGROUNDS[s.background] for s in scenes]) + tint[:, :1] / 2)[:, None, :]
    inks = torch.tensor([INKS[s.background] for s in scenes])[:, None, :]
    picture = ground + body * (colour + ink * (inks - colour) - ground)
    return picture.clamp(0, 1).reshape(len(scenes), pixels, pixels, 3)


def render_outlines(scenes: list[Scene], outlines: dict[str, np.ndarray], pixels: int) -> torch.Tensor:
    """Paint scenes whose shapes are keys of `outlines`: float32 (n, pixels, pixels, 3) in 0..1."""
    pictures = torch.empty(len(scenes), pixels, pixels, 3)
    chunk = max(1, (64 * 64 * 32) // (pixels * pixels))
    for shape, corners in outlines.items():
        rows = [i for i, scene in enumerate(scenes) if scene.shape == shape]
        for start in range(0, len(rows), chunk):
            part = rows[start : start + chunk]
            pictures[part] = _render_one_shape([scenes[i] for i in part], corners, pixels)
    return pictures


def render(scenes: list[Scene], pixels: int = 128) -> torch.Tensor:
    """Paint scenes: float32 (n, pixels, pixels, 3) in 0..1, as ComfyUI's IMAGE."""
    return render_outlines(scenes, OUTLINES, pixels)
