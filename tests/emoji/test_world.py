"""Concepts and captions: complete, deterministic, and split cleanly into what is trained and what is held out."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from PIL import Image

from emoji.captions import PHRASINGS, UNSEEN_PHRASINGS, draw_caption, write_caption
from emoji.judge import CONCEPT_COUNT
from emoji.measure import ROWS, is_right, write_prompts
from emoji.prepare.icons import write_slug
from emoji.prepare.pictures import CONTENT, fit, write_pictures
from emoji.world import BACKGROUNDS, PICTURES, STYLES, compose, is_held_out, load_concepts, load_pictures

CONCEPTS = load_concepts()


def test_concepts_are_what_the_judge_knows_and_have_names_of_their_own() -> None:
    assert len(CONCEPTS) == CONCEPT_COUNT
    assert len({concept.label for concept in CONCEPTS}) == len(CONCEPTS)
    assert all(concept.tags and concept.words for concept in CONCEPTS)


def test_captions_are_deterministic_and_say_what_they_claim() -> None:
    first, second = (
        [draw_caption(concept, "ink", random.Random(number)) for number, concept in enumerate(CONCEPTS)] for _ in "ab"
    )
    assert first == second
    for concept, caption in zip(CONCEPTS, first, strict=True):
        if caption.kind == "label":
            assert concept.label.lower() in caption.text
        elif caption.kind == "keyword":
            assert any(tag.lower() in caption.text for tag in concept.tags)
        assert any(name in caption.text for name in STYLES["ink"]) or not caption.style_named
        assert caption.background == "white" or caption.background in caption.text


def test_captions_come_in_the_shares_that_training_expects() -> None:
    rng = random.Random(3)
    captions = [draw_caption(rng.choice(CONCEPTS), "noto", rng) for _ in range(6000)]
    for share, hits in (
        (0.5, [caption.kind == "label" for caption in captions]),
        (0.65, [caption.style_named for caption in captions]),
        (0.45 * 5 / 6, [caption.background != "white" for caption in captions]),
    ):
        assert abs(sum(hits) / len(hits) - share) < 0.03
    assert {caption.background for caption in captions} == set(BACKGROUNDS)


def test_unseen_phrasings_are_in_no_training_caption() -> None:
    assert not set(PHRASINGS) & set(UNSEEN_PHRASINGS)
    rng = random.Random(4)
    trained = {draw_caption(CONCEPTS[0], "3d", rng).text for _ in range(2000)}
    unseen = {write_caption(CONCEPTS[0], rng, unseen=True).text for _ in range(100)}
    assert not trained & unseen


def test_one_pair_in_25_is_held_out_and_every_concept_and_style_is_trained() -> None:
    pairs = torch.cartesian_prod(torch.arange(len(CONCEPTS)), torch.arange(len(STYLES)))
    held = is_held_out(*pairs.T)
    assert abs(held.float().mean() - 1 / 25) < 0.005
    assert [(7919 * c + 104729 * s) % 25 == 3 for c, s in pairs[:500].tolist()] == held[:500].tolist()
    trained = pairs[~held]
    assert len(trained[:, 0].unique()) == len(CONCEPTS) and len(trained[:, 1].unique()) == len(STYLES)


@pytest.mark.parametrize("row", ROWS)
def test_prompts_ask_for_what_their_row_says(row: str) -> None:
    numbers = list(range(0, 1000, 5))
    prompts = write_prompts(row, CONCEPTS, numbers, 150)
    assert prompts == write_prompts(row, CONCEPTS, numbers, 150)
    assert {prompt.concept for prompt in prompts} <= set(numbers)
    styled = [prompt for prompt in prompts if prompt.style >= 0]
    assert len(styled) == (len(prompts) if row in ("styles", "held-out pairs") else 0)
    if styled:
        held = is_held_out(*torch.tensor([(prompt.concept, prompt.style) for prompt in styled]).T)
        assert bool(held.all()) == (row == "held-out pairs") and bool(held.any()) == (row == "held-out pairs")
    for prompt in prompts:
        assert is_right(prompt, prompt.concept, CONCEPTS)


def test_by_a_keyword_every_concept_that_has_it_is_right() -> None:
    prompt = write_prompts("keywords", CONCEPTS, [0], 1)[0]
    others = [n for n, concept in enumerate(CONCEPTS) if prompt.keyword in concept.tags]
    strangers = [n for n, concept in enumerate(CONCEPTS) if prompt.keyword not in concept.words]
    assert len(others) > 1 and all(is_right(prompt, n, CONCEPTS) for n in others)
    assert not any(is_right(prompt, n, CONCEPTS) for n in strangers)
    assert not is_right(prompt, CONCEPT_COUNT, CONCEPTS)


def test_icons_are_centred_and_stored_without_loss(tmp_path: object) -> None:
    drawn = Image.new("RGBA", (128, 128))
    drawn.paste((200, 30, 30, 255), (5, 60, 25, 100))
    picture = fit(drawn)
    assert picture is not None and picture.size == (64, 64)
    left, top, right, bottom = picture.getchannel("A").getbbox() or (0, 0, 0, 0)
    assert (right - left, bottom - top) == (CONTENT // 2, CONTENT)
    assert abs(left - (64 - right)) <= 1 and abs(top - (64 - bottom)) <= 1
    assert fit(Image.new("RGBA", (128, 128))) is None

    folder = tmp_path
    write_pictures([(3, 1, picture), (4, 6, picture)], folder / PICTURES)  # type: ignore[operator]
    loaded = load_pictures(folder)  # type: ignore[arg-type]
    np.testing.assert_array_equal(loaded.rgba[1].numpy(), np.asarray(picture))
    assert loaded.concepts.tolist() == [3, 4] and loaded.styles.tolist() == [1, 6]
    shown = compose(loaded.rgba, torch.tensor([[255.0, 255, 255]]).expand(2, -1))
    assert shown.shape == (2, 3, 64, 64) and torch.allclose(shown[0, :, 0, 0], torch.ones(3))


def test_names_of_icons_are_slugs_of_labels() -> None:
    assert write_slug("Father’s day: 1st & last") == "fathers-day-1st-last"
