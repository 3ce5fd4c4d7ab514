"""The world, its captions and its negatives: deterministic, complete, and split cleanly into training and held out."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from demo.captions import DESCRIPTIONS, PHRASINGS, SHAPE_NAMES, draw_caption, write_caption
from demo.negatives import draw_negatives
from demo.world import BACKGROUNDS, COLOURS, FILLS, SHAPES, WORLD, draw_scene, render


def test_renders_are_deterministic_images() -> None:
    first, second = (render([draw_scene(np.random.default_rng(3)) for _ in range(3)], 64) for _ in range(2))
    assert torch.equal(first, second)
    assert first.shape == (3, 64, 64, 3) and first.dtype == torch.float32
    assert first.min() >= 0 and first.max() <= 1


def test_a_render_does_not_depend_on_its_neighbours() -> None:
    rng = np.random.default_rng(4)
    scenes = [draw_scene(rng) for _ in range(40)]
    together = render(scenes, 32)
    for scene, picture in zip(scenes, together, strict=True):
        torch.testing.assert_close(render([scene], 32)[0], picture)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_whole_and_in_its_colour(shape: str) -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        scene = draw_scene(rng, shape=shape, colour="red", fill="plain", background="white")
        picture = render([scene], 64)[0]
        red = (picture - torch.tensor(COLOURS["red"])).abs().amax(-1) < 0.1
        ground = (picture - torch.tensor(BACKGROUNDS["white"])).abs().amax(-1) < 0.1
        assert 0.03 < red.float().mean() < 0.6
        frame = torch.cat([ground[0], ground[-1], ground[:, 0], ground[:, -1]])
        assert frame.all(), "the shape touches the picture's edge"


def test_settled_attributes_are_kept() -> None:
    rng = np.random.default_rng(6)
    for _ in range(200):
        caption = draw_caption(rng)
        scene = caption.draw_scene(rng)
        for attribute in ("shape", "colour", "fill", "background"):
            settled = getattr(caption, attribute)
            assert settled is None or settled == getattr(scene, attribute)


def test_fills_differ() -> None:
    pictures = [render([draw_scene(np.random.default_rng(7), fill=fill)], 64) for fill in FILLS]
    for i, first in enumerate(pictures):
        for second in pictures[i + 1 :]:
            assert (first - second).abs().mean() > 0.01


def test_training_and_held_out_captions_are_disjoint() -> None:
    rng = np.random.default_rng(8)
    train = {draw_caption(rng, "train").text for _ in range(5000)}
    held_out = {write_caption(rng, shape="circle", colour="red", split="held_out").text for _ in range(500)}
    assert not train & held_out
    assert not set(PHRASINGS["train"]) & set(PHRASINGS["held_out"])
    for shape in SHAPES:
        assert not set(DESCRIPTIONS["train"][shape]) & set(DESCRIPTIONS["held_out"][shape])


def test_descriptions_never_name_a_shape() -> None:
    names = {name for names in SHAPE_NAMES.values() for name in names}
    descriptions = [text for split in DESCRIPTIONS.values() for texts in split.values() for text in texts]
    assert not [text for text in descriptions if names & set(re.findall(r"\w+", text))]


def test_captions_cover_every_name_with_every_colour_and_fill() -> None:
    rng = np.random.default_rng(9)
    captions = [draw_caption(rng) for _ in range(24_000)]
    settled = {(caption.shape, caption.colour, caption.fill) for caption in captions}
    assert settled >= {(s, c, f) for s in SHAPES for c in COLOURS for f in FILLS}
    texts = " ".join(caption.text for caption in captions)
    for names in SHAPE_NAMES.values():
        assert all(f" {name}" in texts for name in names)


def test_negatives_are_deterministic_images() -> None:
    first, second = (draw_negatives(np.random.default_rng(10), 16, 64, WORLD) for _ in range(2))
    assert torch.equal(first, second)
    assert first.shape == (16, 64, 64, 3) and first.min() >= 0 and first.max() <= 1
