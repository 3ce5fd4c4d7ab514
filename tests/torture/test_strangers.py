"""A short part of `python -m torture.strangers`, and that it sees a copy which shows texts as they are."""

from __future__ import annotations

from torture.strangers import PLACES, find_shown, showing_everything


def test_texts_are_shown_as_texts() -> None:
    assert list(find_shown(6, seed=7)) == []


def test_a_copy_that_shows_all_is_caught() -> None:
    with showing_everything():
        caught = {each.partition(":")[0] for each in find_shown(6, seed=7)}
    assert caught >= PLACES.keys() - {"sheet"}  # its letters are a picture
