"""What is asked about texts as people in a hurry type them, and what is not asked about."""

from __future__ import annotations

import pytest

from rece_core.texts.concepts import EMPTY_ANCHOR, read_concepts
from rece_core.texts.questions import find_slip, list_questions, read_known_words

Asked = tuple[str, str, str]
SIGNS = ("->", "-->", "→", "=", ":")


def ask(targets: str, default_anchor: str = "", tokens: dict[str, int] | None = None) -> list[Asked]:
    reading = read_concepts(targets, default_anchor)
    return [(each.code, each.text, each.instead) for each in list_questions(reading.concepts, reading.lines, tokens)]


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("circle", ("oneName", "circle", "")),
        ("red circle", ("oneName", "red circle", "")),
        ("star", ("oneName", "star", "")),
        ("circle => sqare", ("closeWord", "sqare", "square")),
        ("circle -> square", ("meantArrow", "circle -> square", "circle => square")),
        ("circle; disc; dot", ("meantCommas", "circle; disc; dot", "circle, disc, dot")),
    ],
)
def test_what_a_person_in_a_hurry_types(typed: str, asked: Asked) -> None:
    assert asked in ask(typed)


@pytest.mark.parametrize("sign", SIGNS)
def test_what_looks_like_an_arrow(sign: str) -> None:
    assert ("meantArrow", f"a cat {sign} a dog", "a cat => a dog") in ask(f"a cat {sign} a dog")
    assert ask("a cat, kitten => a dog") == [], "control: nothing is asked about what is meant"


def test_a_blank_is_no_anchor_and_neither_is_what_says_as_little() -> None:
    assert ("blankAnchor", "circle", "") in ask("circle, disc =>")
    assert ("blankAnchor", "circle", "") in ask("circle, disc", EMPTY_ANCHOR)
    assert ask("circle, disc => some thing") == [("vagueAnchor", "some thing", "")]
    assert ask("circle, disc => a photo of a square") == []
    assert ask("circle, disc") == [], "still open, so a relative is chosen"


def test_what_the_encoder_takes_letter_by_letter() -> None:
    assert ask("qzxwv, disc => square", tokens={"qzxwv": 5}) == [("inLetters", "qzxwv", "")]
    assert ask("circle, disc => square", tokens={"circle": 1, "disc": 1, "square": 1}) == []


def test_the_line_is_told_and_names_are_missed_once() -> None:
    reading = read_concepts("circle, disc => square\n\nstar\nheart -> cross\nring", "")
    found = list_questions(reading.concepts, reading.lines)
    assert [(each.code, each.line) for each in found] == [("meantArrow", 4), ("oneName", 3)]
    assert all(each.message for each in found)


@pytest.mark.parametrize(
    ("word", "meant"),
    [("sqare", "square"), ("cricle", "circle"), ("circcle", "circle"), ("squere", "square")],
)
def test_slips(word: str, meant: str) -> None:
    assert find_slip(word, read_known_words()) == meant


@pytest.mark.parametrize("word", ["circle", "circles", "kitten", "women", "monet", "snoopy", "disc", "cat", "gogh"])
def test_what_is_no_slip(word: str) -> None:
    assert find_slip(word, read_known_words()) == ""
