"""What the kind of concept and the schedule settle."""

from __future__ import annotations

import pytest

from rece_core.erasing.pipeline import ConceptTexts
from rece_core.erasing.schedule import Goals, apply_schedule, resolve_concepts, resolve_settings
from rece_core.erasing.settings import EditSettings, EraseSettings
from rece_core.texts.concepts import AS_TYPED
from rece_core.texts.presets import NEIGHBOURS, PRESETS

ASKED = EraseSettings(
    EditSettings(ridge=7, mode="strict", tokens="last", ridge_scale="relative", erase_scale=2),
    epochs=9,
    derivation_ridge=3,
    iteration="cumulative",
    seal=1.0,
)


@pytest.mark.parametrize("kind", [kind for kind, preset in PRESETS.items() if preset.from_paper])
def test_the_kind_fills_in_what_is_left_empty(kind: str) -> None:
    preset = PRESETS[kind]
    concepts = resolve_concepts(kind, "x" if not preset.targets else "")
    assert [concept.names for concept in concepts.concepts] == [(name,) for name in preset.targets or ("x",)]
    open_to_choice = "object" in kind or kind == "custom"
    assert {concept.anchors for concept in concepts.concepts} == {() if open_to_choice else (preset.anchor,)}
    on_paper = apply_schedule("paper", concepts)
    assert {concept.anchors for concept in on_paper.concepts} == {(preset.anchor,)}
    assert concepts.phrasings == preset.phrasings


@pytest.mark.parametrize("kind", [kind for kind, preset in PRESETS.items() if not preset.from_paper])
def test_kinds_of_our_own_bring_targets_with_anchors_and_keep_what_is_close(kind: str) -> None:
    preset = PRESETS[kind]
    concepts = resolve_concepts(kind, "" if preset.targets else "x, y")
    assert concepts.preserve == NEIGHBOURS[kind], "none of them names a target or an anchor"
    assert concepts.phrasings == preset.phrasings
    for concept in concepts.concepts:
        assert concept.anchors or preset.finds_anchor
        assert not preset.targets or len(concept.names) > 1, "synonyms leak"
    written = resolve_concepts(kind, f"{NEIGHBOURS[kind][0]}\nx => z", preserve="kept")
    assert written.preserve == ("kept",)
    with_neighbour = resolve_concepts(kind, f"{NEIGHBOURS[kind][0]}\nx => z")
    assert with_neighbour.preserve == NEIGHBOURS[kind][1:], "a target is not kept"


def test_what_is_said_goes_before_the_kind() -> None:
    concepts = resolve_concepts("style", "x\ny => z", "w", "kept", by_kind=False, captions=("c",))
    assert [concept.anchors for concept in concepts.concepts] == [("w",), ("z",)]
    assert (concepts.phrasings, concepts.preserve, concepts.captions) == ((AS_TYPED,), ("kept",), ("c",))


@pytest.mark.parametrize("kind", ["custom", "style"])
def test_no_target_at_all(kind: str) -> None:
    with pytest.raises(ValueError, match=r"no target was given. Write at least one"):
        resolve_concepts(kind, " \n ")


def test_the_manual_schedule_changes_nothing() -> None:
    assert resolve_settings("manual", "nudity", ASKED) == (ASKED, None)


def test_the_automatic_schedule_has_goals() -> None:
    assert resolve_settings("automatic", "nudity", ASKED, 0.9, 0.8) == (ASKED, Goals.from_sliders(0.9, 0.8))


def test_the_paper_schedule_keeps_only_what_the_paper_leaves_open() -> None:
    settings, goals = resolve_settings("paper", "style", ASKED)
    edit = EditSettings(tokens="last", ridge_scale="relative")
    assert settings == EraseSettings(edit, epochs=1, derivation_ridge=1e-3, iteration="paper", seal=0.0)
    assert goals is None


@pytest.mark.parametrize("kind, kept", [("nudity", " "), ("unsafe", " "), ("style", ""), ("hard object", "")])
def test_the_paper_schedule_takes_names_as_typed_and_keeps_what_the_paper_keeps(kind: str, kept: str) -> None:
    concepts = resolve_concepts(kind, "x", preserve="y")
    assert apply_schedule("automatic", concepts) is apply_schedule("manual", concepts) is concepts
    texts = ConceptTexts.of(apply_schedule("paper", concepts), ())
    assert texts.concepts.phrasings == (AS_TYPED,)
    assert (texts.preserved, texts.preserved_in_epochs) == (("", "y"), (kept, "y"))
    assert set(texts.words) >= {"x", "y", "", kept}


def test_unknown_words() -> None:
    with pytest.raises(ValueError, match=r"schedule is 'lazy'; expected one of: automatic, paper, manual"):
        resolve_settings("lazy", "nudity", ASKED)
    with pytest.raises(ValueError, match=r"unknown kind 'cat'"):
        resolve_settings("paper", "cat", ASKED)
