"""Pictures that show nothing of the world's vocabulary: what the judge must call "none of these"."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional

from .world import BACKGROUNDS, COLOURS, SHAPES, Variation, draw_scene, render, render_outlines


def _trace_arc(start: float, end: float, radius: float = 1.0, corners: int = 14) -> np.ndarray:
    angle = np.linspace(start, end, corners)
    return radius * np.stack([np.cos(angle), np.sin(angle)], 1)


def _trace_crescent() -> np.ndarray:
    inner = _trace_arc(1.9 * np.pi, 1.1 * np.pi, 0.95) * (1.0, 1.0) + (0.0, 0.55)
    return np.concatenate([_trace_arc(np.pi, 2 * np.pi), inner])


# Shapes outside the vocabulary, as polygons of about unit radius.
STRANGERS: dict[str, np.ndarray] = {
    "crescent": _trace_crescent(),
    "half disc": _trace_arc(0.0, np.pi),
    "arrow": np.array([(-1, -0.25), (0.1, -0.25), (0.1, -0.7), (1, 0), (0.1, 0.7), (0.1, 0.25), (-1, 0.25)]),
    "letter L": np.array([(-0.8, -1), (-0.3, -1), (-0.3, 0.5), (0.8, 0.5), (0.8, 1), (-0.8, 1)]),
    "letter T": np.array(
        [(-0.9, -1), (0.9, -1), (0.9, -0.5), (0.25, -0.5), (0.25, 1), (-0.25, 1), (-0.25, -0.5), (-0.9, -0.5)]
    ),
    "letter U": np.array(
        [(-0.9, -1), (-0.45, -1), (-0.45, 0.55), (0.45, 0.55), (0.45, -1), (0.9, -1), (0.9, 1), (-0.9, 1)]
    ),
    "zigzag": np.array(
        [(-1, 0), (-0.4, -0.8), (0.1, 0), (0.6, -0.8), (1, -0.4), (0.6, 0.6), (0.1, 0.8), (-0.4, 0.1), (-0.8, 0.5)]
    ),
    "hourglass": np.array([(-0.8, -1), (0.8, -1), (0.15, 0), (0.8, 1), (-0.8, 1), (-0.15, 0)]),
    "kite": np.array([(0, -1), (0.55, -0.3), (0, 1), (-0.55, -0.3)]),
    "slanted bar": np.array([(-1, 0.45), (0.2, -0.45), (1, -0.45), (-0.2, 0.45)]),
}


def draw_strangers(rng: np.random.Generator, count: int, pixels: int, variation: Variation) -> torch.Tensor:
    """Shapes outside the vocabulary in the world's colours and fills, (count, pixels, pixels, 3)."""
    scenes = []
    for name in rng.choice(list(STRANGERS), count):
        scene = draw_scene(rng, shape="circle", variation=variation)
        scenes.append(replace(scene, shape=str(name), angle=float(rng.uniform(-0.3, 0.3))))
    return render_outlines(scenes, STRANGERS, pixels)


def _draw_ground(rng: np.random.Generator, count: int) -> torch.Tensor:
    palette = [*BACKGROUNDS.values(), *COLOURS.values()]
    picked = np.array([palette[i] for i in rng.integers(len(palette), size=count)])
    return torch.tensor(picked + rng.normal(0, 0.03, picked.shape), dtype=torch.float32)[:, None, None, :]


def draw_blanks(rng: np.random.Generator, count: int, pixels: int) -> torch.Tensor:
    """One colour all over, some with a slow gradient."""
    slope = torch.tensor(rng.normal(0, 0.08, count), dtype=torch.float32)[:, None, None, None]
    ramp = torch.linspace(-1, 1, pixels)[None, :, None, None] * slope
    return (_draw_ground(rng, count) + ramp).expand(count, pixels, pixels, 3).clamp(0, 1)


def draw_fields(rng: np.random.Generator, count: int, pixels: int, cells: int) -> torch.Tensor:
    """Random colours on a grid of cells, smoothly joined: noise where there are many, clouds where there are few."""
    seeds = torch.tensor(rng.normal(0.5, 0.35, (count, 3, cells, cells)), dtype=torch.float32)
    return functional.interpolate(seeds, (pixels, pixels), mode="bicubic").movedim(1, -1).clamp(0, 1)


def draw_blobs(rng: np.random.Generator, count: int, pixels: int) -> torch.Tensor:
    """Irregular patches of one colour on another: a smooth field cut at a level."""
    cells = int(rng.integers(3, 7))
    field = torch.tensor(rng.normal(0, 1, (count, 1, cells, cells)), dtype=torch.float32)
    smooth = functional.interpolate(field, (pixels, pixels), mode="bicubic").movedim(1, -1)
    inside = ((smooth - 0.5) * pixels / cells / 2 + 0.5).clamp(0, 1)
    return (_draw_ground(rng, count) * inside + _draw_ground(rng, count) * (1 - inside)).clamp(0, 1)


def draw_halves(rng: np.random.Generator, count: int, pixels: int, variation: Variation) -> torch.Tensor:
    """Halves of two different pictures side by side, or over each other: nothing of the vocabulary is whole."""
    # Half a square is a rectangle, so neither takes part.
    shapes = [shape for shape in SHAPES if shape not in ("square", "rectangle")]
    scenes = [draw_scene(rng, shape=str(rng.choice(shapes)), variation=variation) for _ in range(2 * count)]
    centred = [replace(scene, x=scene.x / 3, y=scene.y / 3) for scene in scenes]
    pictures = render(centred, pixels)
    first, second = pictures[:count].clone(), pictures[count:]
    half = pixels // 2
    for i in range(count):
        if scenes[i].shape == scenes[count + i].shape:
            second[i] = torch.tensor(BACKGROUNDS[scenes[i].background])
        if rng.random() < 0.5:
            first[i, :half] = second[i, half:]
        else:
            first[i, :, :half] = second[i, :, half:]
    return first


def draw_negatives(rng: np.random.Generator, count: int, pixels: int, variation: Variation) -> torch.Tensor:
    """A mixture of all kinds, (count, pixels, pixels, 3) in 0..1; `count` a multiple of 8."""
    part = count // 8
    kinds = [
        draw_strangers(rng, 2 * part, pixels, variation),
        draw_halves(rng, 2 * part, pixels, variation),
        draw_blanks(rng, part, pixels),
        draw_blobs(rng, part, pixels),
        draw_fields(rng, part, pixels, int(rng.integers(3, 9))),
        draw_fields(rng, part, pixels, int(rng.choice([16, 32, pixels]))),
    ]
    return torch.cat(kinds)
