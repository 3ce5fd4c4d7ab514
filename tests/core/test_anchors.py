"""Anchors for targets that were given none, chosen by a made-up text encoder whose directions are known."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from rece_core.texts.alignment import EncodedText, join_segments
from rece_core.texts.anchors import CLOSEST, choose_anchors, describe_text, read_groups
from rece_core.texts.concepts import EMPTY_ANCHOR, Concept, Concepts, parse_concepts
from tests.core.random_models import randn

WORDS = [word for group in read_groups() for word in group]
WIDTH = 4 * len(WORDS)
AXES = torch.eye(WIDTH, dtype=torch.float64)


class Encoder:
    """Each word has an axis of its own; a made-up name lies as close to words as is said, the rest of it nowhere."""

    def __init__(self, close: Mapping[str, Mapping[str, float]], unknown: tuple[str, ...] = ()) -> None:
        self.close, self.unknown = close, unknown

    def __call__(self, text: str) -> Tensor:
        if text in self.unknown:
            return AXES[-1]
        if text in WORDS:
            return AXES[WORDS.index(text)]
        cosines = self.close.get(text, {})
        along = sum((cosine * self(word) for word, cosine in cosines.items()), torch.zeros_like(AXES[0]))
        rest = (1 - sum(cosine**2 for cosine in cosines.values())) ** 0.5
        return along + rest * AXES[len(WORDS) + len(text)]


def choose(names: str, close: Mapping[str, Mapping[str, float]], unknown: tuple[str, ...] = ()) -> dict[str, str]:
    concepts = choose_anchors(parse_concepts("custom", names, ""), Encoder(close, unknown)).concepts
    return {concept.names[0]: concept.anchors[0] for concept in concepts}


def test_the_closest_word_that_is_no_synonym() -> None:
    assert choose("snoopy", {"snoopy": {"dog": 0.5, "car": 0.3}}) == {"snoopy": "dog"}
    assert choose("hound", {"hound": {"dog": 0.9, "wolf": 0.3, "car": 0.1}}) == {"hound": "wolf"}


def test_several_words_of_a_kind_say_more_than_a_single_one() -> None:
    close = {"snoopy": {"car": 0.4, "dog": 0.35, "cat": 0.35, "fox": 0.35}}
    assert choose("snoopy", close)["snoopy"] in ("dog", "cat", "fox")
    assert choose("snoopy", {"snoopy": {"car": 0.4, "dog": 0.35}}) == {"snoopy": "car"}, "control: one word each"


def test_a_target_among_the_words_gets_another_of_its_kind() -> None:
    group = next(group for group in read_groups() if "dog" in group)
    assert choose("Dog", {"Dog": {"car": 0.6}})["Dog"] in set(group) - {"dog"}
    assert choose("hound", {"hound": {"car": 0.6}}) == {"hound": "car"}, "control: a name that is none of the words"


def test_no_other_target_and_no_word_of_a_name_is_an_anchor() -> None:
    close = {"snoopy": {"dog": 0.6, "wolf": 0.3}, "mickey mouse": {"mouse": 0.6, "rabbit": 0.3}}
    assert choose("snoopy", close) == {"snoopy": "dog"}
    assert choose("snoopy\nhot dog => cat", close)["snoopy"] == "wolf"
    assert choose("mickey mouse", close) == {"mickey mouse": "rabbit"}


def test_words_that_the_encoder_does_not_know_are_left_out() -> None:
    close = {"snoopy": {"dog": 0.6, "wolf": 0.3}}
    assert choose("snoopy", close, unknown=("dog", "piano")) == {"snoopy": "wolf"}
    assert choose("snoopy", close, unknown=("piano", "guitar")) == {"snoopy": "dog"}, "control: it is known"
    name = f"{WORDS[0]} snoopy"
    assert choose(name, close, unknown=tuple(WORDS[1:])) == {name: EMPTY_ANCHOR}


def test_anchors_that_were_given_stay_and_then_nothing_is_encoded() -> None:
    given = parse_concepts("custom", "a => b\nc =>", "")

    def refuse(text: str) -> Tensor:
        raise AssertionError(text)

    assert choose_anchors(given, refuse) is given
    mixed = Concepts("custom", (Concept(("a",), ("b", "c")), Concept(("snoopy",), ())))
    anchors = [each.anchors for each in choose_anchors(mixed, Encoder({"snoopy": {"dog": 0.5}})).concepts]
    assert anchors == [("b", "c"), ("dog",)]


def test_what_a_text_says_is_the_mean_from_its_last_word_on() -> None:
    rows, others = randn(1, 6, 8), randn(2, 3, 8)
    text = EncodedText("a cat", rows, 2)
    assert describe_text(text) == pytest.approx(rows[2:].mean(0))
    joined = join_segments([text, EncodedText("a cat", others, 1)])
    assert describe_text(joined) == pytest.approx(torch.cat([rows[2:].mean(0), others[1:].mean(0)]))


def test_the_words_that_ship() -> None:
    assert len(WORDS) == len(set(WORDS)) > 200
    assert all(len(group) >= CLOSEST for group in read_groups())
    assert all(word == word.strip().casefold() != "" for word in WORDS)
