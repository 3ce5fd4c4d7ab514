"""What of texts that somebody typed may be meant otherwise, or will not do what they hope for: asked, never refused."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from .anchors import read_groups
from .concepts import ARROW, Concept
from .wording import quote

_OTHER_ARROW = re.compile(r"\s*(?:-+>|→|=|:)\s*")
_WORDS = re.compile(r"[^\W\d_]+")
_VOWELS = frozenset("aeiou")
LEAST_LETTERS = 4  # of a word that may be a slip of another; shorter ones are close to too many
# What says as little as a blank does: any picture is one of it.
VAGUE = frozenset({"thing", "something", "anything", "nothing", "object", "stuff", "image", "picture", "photo", "none"})


@dataclass(frozen=True)
class Question:
    """What may be meant otherwise: a `code`, by which the page finds its own words, and the engine's `message`.

    line: of the targets, from 1, or 0 where it is in none of them; text: what it is about; instead: what may be
    meant in its place, or nothing.
    """

    code: Literal["meantArrow", "meantCommas", "closeWord", "inLetters", "blankAnchor", "vagueAnchor", "oneName"]
    message: str
    line: int = 0
    text: str = ""
    instead: str = ""


def list_questions(
    concepts: Sequence[Concept], lines: Sequence[int] = (), tokens: Mapping[str, int] | None = None
) -> list[Question]:
    """Every question about `concepts`, each once; `lines` as in `Reading`, `tokens` has those of texts where known."""
    numbers = lines or [0] * len(concepts)
    asked: list[Question] = []
    alone: Question | None = None
    for line, concept in zip(numbers, concepts, strict=True):
        signs = [question for name in concept.names for question in _ask_about_signs(line, name)]
        asked += signs
        for text in (*concept.names, *concept.anchors):
            asked += _ask_about_words(line, text, (tokens or {}).get(text, 0))
        asked += _ask_about_anchors(line, concept)
        if len(concept.names) == 1 and alone is None and not signs:
            alone = _ask_for_names(line, concept.names[0])
    found = [*asked, *([alone] if alone else [])]
    return list({(each.code, each.line, each.text): each for each in found}.values())


def _ask_about_signs(line: int, name: str) -> Iterator[Question]:
    left, *right = _OTHER_ARROW.split(name, maxsplit=1)
    if right and left.strip() and right[0].strip():
        instead = f"{left.strip()} {ARROW} {right[0].strip()}"
        message = f"{quote(name)} is read as one name. Did you mean {quote(instead)}?"
        yield Question("meantArrow", message, line, name, instead)
    elif ";" in name:
        instead = ", ".join(part.strip() for part in name.split(";") if part.strip())
        message = f"{quote(name)} is read as one name. Did you mean {quote(instead)}?"
        yield Question("meantCommas", message, line, name, instead)


def _ask_about_words(line: int, text: str, tokens: int) -> Iterator[Question]:
    words = _WORDS.findall(text.casefold())
    for word in words:
        meant = find_slip(word, read_known_words())
        if meant:
            message = f"{quote(word)} is no word that is known here. Did you mean {quote(meant)}?"
            yield Question("closeWord", message, line, word, meant)
    letters = sum(map(len, words))
    if letters >= LEAST_LETTERS and tokens > max(2, letters / 2):
        message = (
            f"{quote(text)} takes {tokens} tokens for {letters} letters: the text encoder hardly knows it as a word. "
            "Describe it in words that it knows."
        )
        yield Question("inLetters", message, line, text)


def _ask_about_anchors(line: int, concept: Concept) -> Iterator[Question]:
    name = concept.names[0]
    if concept.anchors and not any(anchor.strip() for anchor in concept.anchors):
        message = (
            f"{quote(name)} shall act like nothing in particular. Then anything may be drawn for it, itself included: "
            f"write what to draw instead, as {quote(f'{name} {ARROW} …')}."
        )
        yield Question("blankAnchor", message, line, name)
    for anchor in concept.anchors:
        if VAGUE & {word for word in _WORDS.findall(anchor.casefold()) if len(word) > 1} and not _says_more(anchor):
            message = (
                f"the anchor {quote(anchor)} says nothing in particular, so anything may be drawn. Name something that "
                "can be seen."
            )
            yield Question("vagueAnchor", message, line, anchor)


def _says_more(anchor: str) -> bool:
    """Whether there is more in it than articles and words that say nothing."""
    return any(word not in VAGUE | {"a", "an", "the", "some", "of"} for word in _WORDS.findall(anchor.casefold()))


def _ask_for_names(line: int, name: str) -> Question:
    message = (
        f"{quote(name)} is the only name. By other names that people have for it, it may still be drawn: write them "
        "in the same line, with commas between them."
    )
    return Question("oneName", message, line, name)


@cache
def read_known_words() -> frozenset[str]:
    """The words of the anchors and captions that ship."""
    captions = (files(__package__) / "everyday_captions.txt").read_text("utf-8")
    named = " ".join(word for group in read_groups() for word in group)
    return frozenset(_WORDS.findall(f"{named} {captions}".casefold()))


def find_slip(word: str, known: Collection[str]) -> str:
    """The known word that `word` is a slip of, or nothing: a letter too few or too many, two turned, a wrong vowel.

    An ending more or less is no slip but another form, and other consonants are mostly another word.
    """
    if len(word) < LEAST_LETTERS or word in known:
        return ""
    fit = (
        other
        for other in known
        if other[0] == word[0] and len(other) >= LEAST_LETTERS and abs(len(other) - len(word)) <= 1
    )
    return min((other for other in fit if _is_slip(word, other)), default="")


def _is_slip(word: str, other: str) -> bool:
    if word.startswith(other) or other.startswith(word):
        return False
    start = next(place for place, (one, two) in enumerate(zip(word, other, strict=False)) if one != two)
    if len(word) != len(other):
        shorter, longer = sorted((word, other), key=len)
        return shorter[start:] == longer[start + 1 :]
    if word[start + 1 :] == other[start + 1 :]:
        # A plural such as 'women' is another form, no slip.
        return not word.endswith("men") and {word[start], other[start]} <= _VOWELS
    return word[start : start + 2] == other[start : start + 2][::-1] and word[start + 2 :] == other[start + 2 :]
