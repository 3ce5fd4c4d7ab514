"""Concepts as a user types them, the paper's presets, and settings."""

from __future__ import annotations

import re

import pytest

from rece_core.erasing.settings import EditSettings, EraseSettings
from rece_core.texts.concepts import EMPTY_ANCHOR, Concept, Concepts, drop_named, parse_concepts, read_concepts
from rece_core.texts.presets import NEIGHBOURS, PRESETS, UNSAFE_CONCEPTS, get_preset


def pairs_of(targets: str, default_anchor: str = " ") -> list[tuple[str, str]]:
    pairs = parse_concepts("custom", targets, default_anchor).pairs
    return [(pair.target, " + ".join(pair.anchors)) for pair in pairs]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("van gogh => art", ("van gogh", "art")),
        ("van gogh=>art", ("van gogh", "art")),
        ("  van   gogh\t=>  fine  art ", ("van gogh", "fine art")),
        ("nudity", ("nudity", EMPTY_ANCHOR)),
        ("nudity =>", ("nudity", EMPTY_ANCHOR)),
        ("a => b => c", ("a", "b => c")),
        ("梵高 => 艺术", ("梵高", "艺术")),
        ("a (red:1.2) car", ("a (red:1.2) car", EMPTY_ANCHOR)),
        (r"a cat\, sitting => a dog\, lying", ("a cat, sitting", "a dog, lying")),
        ("snoopy => dog, cat,", ("snoopy", "dog + cat")),
    ],
)
def test_a_line(line: str, expected: tuple[str, str]) -> None:
    assert pairs_of(line) == [expected]


def test_lines_without_an_arrow_take_the_default_anchor() -> None:
    assert pairs_of("monet\nnudity => \ndali => a photo", "art") == [
        ("monet", "art"),
        ("nudity", EMPTY_ANCHOR),
        ("dali", "a photo"),
    ]
    assert pairs_of("monet", "  ") == [("monet", EMPTY_ANCHOR)]
    assert parse_concepts("custom", "monet\ndali =>", "").concepts == (
        Concept(("monet",), ()),
        Concept(("dali",), (EMPTY_ANCHOR,)),
    )


def test_blank_lines_are_skipped() -> None:
    concepts = parse_concepts("style", "\n monet \r\n\n\n dali\n", "art", "\n picasso \n\n  a  cat ")
    assert [pair.target for pair in concepts.pairs] == ["monet", "dali"]
    assert concepts.preserve == ("picasso", "a cat")
    assert concepts.kind == "style"


def test_the_description_shows_the_empty_anchor() -> None:
    assert parse_concepts("custom", "monet => art\nnudity").describe() == "monet => art\nnudity => (one space)"


def test_the_summary_counts_concepts_and_nothing_else() -> None:
    concepts = parse_concepts("custom", "monet, claude monet => art\ndali", phrasings=("{}", "art by {}"))
    assert concepts.summarize() == "monet, claude monet => art and 1 more"
    assert parse_concepts("custom", "dali => art").summarize() == "dali => art"


@pytest.mark.parametrize("targets", ["", "  \n\t\n"])
def test_no_target(targets: str) -> None:
    with pytest.raises(ValueError, match=r"no target was given. Write at least one, a line each, .*'van gogh => art'"):
        parse_concepts("custom", targets)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ("monet\n => art", r"line 2 of the targets, '=> art', has no target before '=>'. Write 'target => anchor'"),
        ("art => art", r"the anchor of 'art' equals its target, so nothing would be erased. Choose an anchor"),
        ("Art => art", r"the anchor of 'Art' equals its target"),
        ("Straße => STRASSE", r"the anchor of 'Straße' equals its target"),
        ("monet\ndali\nMonet => art", r"the target 'Monet' is listed twice. Remove one of them"),
        ("monet, Monet => art", r"the target 'Monet' is listed twice"),
        ("monet, art => a photo, art", r"the anchor of 'art' equals its target"),
        ("monet\n , => art", r"line 2 of the targets, ', => art', has no target before '=>'"),
        ("monet\nkept", r"the target 'kept' is also in the list to preserve, .* Remove it from one of the two lists"),
    ],
)
def test_contradictions(targets: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_concepts("custom", targets, preserve="Kept")


def test_concepts_are_checked_however_they_are_made() -> None:
    Concepts("custom", (Concept(("a",), ("b",)),))
    with pytest.raises(ValueError, match="no target was given"):
        Concepts("custom", ())


def test_names_and_phrasings_multiply() -> None:
    concepts = parse_concepts("custom", "disc, dot => box\nmonet", phrasings=("{}", "a photo of a {}"))
    assert [(pair.target, pair.anchors, pair.concept) for pair in concepts.pairs] == [
        ("disc", ("box",), 0),
        ("a photo of a disc", ("a photo of a box",), 0),
        ("dot", ("box",), 0),
        ("a photo of a dot", ("a photo of a box",), 0),
        ("monet", (EMPTY_ANCHOR,), 1),
        ("a photo of a monet", ("a photo of a",), 1),
    ]
    assert concepts.describe().splitlines()[-1] == "each as: …; a photo of a …"
    single = parse_concepts("custom", r"a cat\, sitting => dog")
    assert parse_concepts("custom", single.describe()) == single


@pytest.mark.parametrize("phrasing", ["a photo", "{} beside {}"])
def test_a_phrasing_has_one_place_for_the_name(phrasing: str) -> None:
    count = phrasing.count("{}")
    with pytest.raises(ValueError, match=rf"the phrasing '{phrasing}' has {count} places '{{}}' for the name"):
        parse_concepts("custom", "disc", phrasings=(phrasing,))
    with pytest.raises(ValueError, match="no phrasing was given"):
        parse_concepts("custom", "disc", phrasings=())


def test_what_phrasings_make_is_checked_too() -> None:
    with pytest.raises(ValueError, match="the target 'a red disc' is also in the list to preserve"):
        parse_concepts("custom", "disc", preserve="a red disc", phrasings=("a red {}",))


def told(targets: str, anchor: str = " ", preserve: str = "", phrasings: tuple[str, ...] = ("{}",)) -> list[object]:
    problems = read_concepts(targets, anchor, preserve, phrasings).problems
    return [(problem.code, problem.line, problem.text) for problem in problems]


def test_what_is_read_knows_its_lines() -> None:
    reading = read_concepts("van gogh, vincent  van gogh => art\n\nsnoopy", "dog, cat")
    assert reading.concepts == (
        Concept(("van gogh", "vincent van gogh"), ("art",)),
        Concept(("snoopy",), ("dog", "cat")),
    )
    assert reading.lines == (1, 3)
    assert read_concepts(r"paris\, texas =>").concepts == (Concept(("paris, texas",), (" ",)),)


def test_usual_targets_stand_in_where_none_is_written() -> None:
    reading = read_concepts(" \n", usual_targets=["nudity"])
    assert (reading.concepts, reading.lines) == ((Concept(("nudity",), (" ",)),), (0,))
    assert read_concepts("x", usual_targets=["nudity"]).concepts == (Concept(("x",), (" ",)),)


@pytest.mark.parametrize(
    ("targets", "anchor", "preserve", "problems"),
    [
        ("", "", "", [("noTarget", 0, "")]),
        ("  \n\t", "art", "a dog", [("noTarget", 0, "")]),
        ("van gogh", "", "", []),
        ("van gogh => art\nmonet", "painting", "picasso", []),
        ("=> art", "", "", [("noName", 1, "")]),
        ("a\n => b", "", "", [("noName", 2, "")]),
        ("snoopy\n , => dog", "", "", [("noName", 2, "")]),
        ("cat => Cat", "", "", [("anchorIsTarget", 1, "cat")]),
        ("Cat => dog, cat", "", "", [("anchorIsTarget", 1, "Cat")]),
        ("cat, kitten => dog,KITTEN", "", "", [("anchorIsTarget", 1, "kitten")]),
        ("art", "ART", "", [("anchorIsTarget", 1, "art")]),
        ("cat\ndog\ncat", "", "", [("twice", 3, "cat")]),
        ("cat\ndog\nCAT", "", "", [("twice", 3, "CAT")]),
        ("cat, Cat", "", "", [("twice", 1, "Cat")]),
        ("cat\na cat", "", "", []),
        ("cat", "", "dog\n CAT ", [("preservedToo", 1, "cat")]),
        ("cat", "", "a dog\nCat ", [("preservedToo", 1, "cat")]),
        ("cat", "", "a photo of a cat", []),
        ("a  b", "", "a b", [("preservedToo", 1, "a b")]),
        (r"paris\, texas => texas\, paris", "", "", []),
        (r"paris\, texas", "", "paris, texas", [("preservedToo", 1, "paris, texas")]),
        ("straße", "", "STRASSE", [("preservedToo", 1, "straße")]),
        ("a => b => c", "", "b => c", []),
        ("a\x0bA", "", "", [("twice", 2, "A")]),
        ("a\u2028A", "", "", [("twice", 2, "A")]),
        ("$& => x\n$&", "", "", [("twice", 2, "$&")]),
        (
            "=> x\na => A\nb, B",
            "",
            "b",
            [
                ("noName", 1, ""),
                ("anchorIsTarget", 2, "a"),
                ("preservedToo", 3, "b"),
                ("twice", 3, "B"),
                ("preservedToo", 3, "B"),
            ],
        ),
    ],
)
def test_every_mistake_is_listed_and_the_first_raised(
    targets: str, anchor: str, preserve: str, problems: list[object]
) -> None:
    assert told(targets, anchor, preserve) == problems
    if problems:
        first = read_concepts(targets, anchor, preserve).problems[0].message
        with pytest.raises(ValueError, match=f"^{re.escape(first)}$"):
            parse_concepts("custom", targets, anchor, preserve)
    else:
        parse_concepts("custom", targets, anchor, preserve)


def test_mistakes_that_phrasings_make() -> None:
    assert told("cat\na cat", phrasings=("{}", "a {}")) == [("twice", 2, "a cat")]
    assert told("cat", preserve="a cat", phrasings=("{}", "a {}")) == [("preservedToo", 1, "cat")]
    by_kind = PRESETS["custom"].phrasings
    assert told("cat", preserve="a photo of a cat", phrasings=by_kind) == [("preservedToo", 1, "cat")]
    assert told("cat", preserve="a photo of a cat on a mat", phrasings=by_kind) == []


def test_a_text_is_too_long_from_the_limit_on_its_phrasings_words_included() -> None:
    reading = read_concepts("cat\ndog => pet", " ", "tree", ("{}", "a photo of a {}"))
    assert reading.list_texts() == ["cat", " ", "dog", "pet", "tree", "", "a photo of a"]
    tokens = {"cat": 71, " ": 0, "dog": 72, "pet": 1, "tree": 76, "": 0, "a photo of a": 4}
    found = reading.find_too_long(tokens, 75)
    assert [(each.code, each.line, each.text, each.count) for each in found] == [
        ("tooLong", 2, "dog", 76),
        ("tooLong", 0, "tree", 76),
    ]
    assert found[0].message == "'dog' takes 76 tokens with its phrasing; expected at most 75. Shorten it."


def test_suggested_are_neighbours_neither_preserved_nor_about_a_target_or_its_anchor() -> None:
    reading = read_concepts("claude monet => rembrandt", preserve="andy warhol")
    suggested = reading.suggest(NEIGHBOURS["style"])
    assert suggested == ["Pablo Picasso", "Katsushika Hokusai", "Caravaggio"]
    assert NEIGHBOURS.keys() == PRESETS.keys()
    others = NEIGHBOURS["custom"]
    assert "a dog" not in read_concepts("dog").suggest(others), "a target is found as a whole word"
    assert "a car" in read_concepts("dog", preserve="do").suggest(others)
    assert read_concepts("").suggest(others) == list(others)


def test_captions_that_name_a_target_are_dropped() -> None:
    concepts = parse_concepts("custom", "disc, big dot => box\nC++").concepts
    captions = ("a Disc", "discs", "a big dot here", "a dot", "dots in C++", "a box")
    assert drop_named(captions, concepts) == ("discs", "a dot", "a box")


def test_the_default_anchor_may_equal_a_target_of_its_own() -> None:
    with pytest.raises(ValueError, match="the anchor of 'art' equals its target"):
        parse_concepts("style", "monet\nart", "art")


def test_the_papers_presets() -> None:
    assert {kind: (p.epochs, p.derivation_ridge, p.anchor) for kind, p in PRESETS.items() if p.from_paper} == {
        "nudity": (3, 1e-1, " "),
        "unsafe": (2, 1e-1, " "),
        "style": (1, 1e-3, "art"),
        "hard object": (1, 1e-3, " "),
        "easy object": (1, 1e-1, " "),
        "custom": (1, 1e-1, " "),
    }
    assert len(set(UNSAFE_CONCEPTS)) == 11
    parse_concepts("unsafe", "\n".join(get_preset("unsafe").targets))
    with pytest.raises(ValueError, match=r"unknown kind 'cats'. Expected one of: nudity, unsafe, style"):
        get_preset("cats")


def test_the_papers_settings_are_the_defaults() -> None:
    settings = EraseSettings()
    assert (settings.edit.erase_scale, settings.edit.preserve_scale, settings.edit.ridge) == (1.0, 0.1, 0.1)
    assert (settings.epochs, settings.derivation_ridge, settings.iteration) == (3, 0.1, "paper")
    assert (settings.edit.tokens, settings.edit.ridge_scale) == ("from subject", "absolute")


NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"erase_scale": 0.0}, r"erase scale is 0.0; expected a finite number above 0"),
        ({"erase_scale": NAN}, r"erase scale is nan; expected a finite number above 0"),
        ({"preserve_scale": -1.0}, r"preserve scale is -1.0; expected a finite number, 0 or more"),
        ({"ridge": INFINITY}, r"edit ridge is inf; expected a finite number, 0 or more"),
        ({"tokens": "first"}, r"tokens is 'first'; expected one of: from subject, all, last"),
        ({"mode": "soft"}, r"mode is 'soft'; expected one of: paper, prior, strict, orthogonal"),
        ({"prior_scale": -1.0}, r"prior scale is -1.0; expected a finite number, 0 or more"),
        ({"free_share": 0.0}, r"free share is 0.0; expected above 0 and up to 1, or none to choose it"),
        ({"ridge_scale": "auto"}, r"ridge scale is 'auto'; expected one of: absolute, relative"),
    ],
)
def test_settings_of_an_edit_out_of_range(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EditSettings(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": -1}, r"epochs is -1; expected 0 \(first edit only\) or more"),
        ({"derivation_ridge": -0.1}, r"derivation ridge is -0.1; expected a finite number, 0 or more"),
        ({"seal": 1.5}, r"seal is 1.5; expected 0 \(off\) to 1"),
        ({"seal_caution": 1.0}, r"seal caution is 1.0; expected 0 to below 1"),
        ({"iteration": "other"}, r"iteration is 'other'; expected one of: paper, cumulative"),
    ],
)
def test_settings_of_an_erasure_out_of_range(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EraseSettings(**wrong)  # type: ignore[arg-type]
