"""Properties of the attacks in closed form, and of their measures."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rece_core.algebra.gram import PairGram
from rece_core.algebra.operator import Operator
from rece_core.attacks.red_team import add_derived, find_direction, measure_attack
from rece_core.erasing.erase import iterate_erasure
from rece_core.erasing.settings import EraseSettings
from tests.core.random_models import deviation, make_scene, make_text, randn

SEEDS = st.integers(0, 10_000)
WIDTH = 12


@given(SEEDS, st.floats(-3, 3), st.floats(-3, 3))
def test_what_is_added_grows_with_the_strength_from_nothing_on(seed: int, first: float, second: float) -> None:
    prompt, target, anchor = (make_text(seed + i, WIDTH, last_word=1 + i) for i in range(3))
    derived = randn(seed + 9, 6, WIDTH)

    def moved(strength: float) -> torch.Tensor:
        return add_derived(prompt, target, anchor, derived, strength) - prompt.tokens

    assert torch.equal(moved(0.0), torch.zeros_like(prompt.tokens))
    assert float(moved(1.0).norm()) > 0.1, "control"
    assert float((moved(first) + moved(second) - moved(first + second)).norm()) < 1e-10


@given(SEEDS, st.integers(0, 4), st.integers(0, 4))
def test_added_to_the_anchor_it_is_the_derived_embedding(seed: int, of_target: int, of_anchor: int) -> None:
    target, anchor = make_text(seed, WIDTH, last_word=of_target), make_text(seed + 1, WIDTH, last_word=of_anchor)
    derived = randn(seed + 9, 6, WIDTH)
    attack = add_derived(anchor, target, anchor, derived, 1.0)
    length = 6 - max(of_target, of_anchor)
    assert torch.allclose(attack[of_anchor : of_anchor + length], derived[of_target : of_target + length])
    assert torch.equal(attack[:of_anchor], anchor.tokens[:of_anchor]), "what stands before the last word stays"


def test_the_prompt_is_left_as_it_is() -> None:
    prompt, target, anchor = (make_text(i, WIDTH) for i in range(3))
    before = prompt.tokens.clone()
    add_derived(prompt, target, anchor, randn(9, 6, WIDTH), 1.0)
    assert torch.equal(prompt.tokens, before)


@given(SEEDS, st.integers(1, 4))
def test_the_direction_of_pairs_that_differ_by_one_vector_is_that_vector(seed: int, count: int) -> None:
    concept = randn(seed + 99, 6, WIDTH)
    hidden = [make_text(seed + i, WIDTH) for i in range(count)]
    shown = [replace(text, tokens=text.tokens + concept) for text in hidden]
    assert deviation(find_direction(shown, hidden), concept) < 1e-12
    louder = [replace(text, tokens=text.tokens + 3 * concept) for text in hidden]
    assert deviation(find_direction(louder, hidden), 3 * concept) < 1e-12
    assert deviation(find_direction(shown[::-1], hidden[::-1]), concept) < 1e-12
    assert float(find_direction(hidden, hidden).norm()) == 0


@pytest.mark.parametrize(("shown", "hidden"), [(2, 1), (0, 3), (0, 0)])
def test_prompts_that_make_no_pairs(shown: int, hidden: int) -> None:
    lists = ([make_text(i, WIDTH) for i in range(count)] for count in (shown, hidden))
    with pytest.raises(ValueError, match=rf"{shown} prompts with the concept and {hidden} without.* Write as many"):
        find_direction(*lists)


def test_pairs_of_unequal_length() -> None:
    with pytest.raises(ValueError, match=r"6 tokens and its anchor .* 5, .* position by position"):
        find_direction([make_text(0, WIDTH)], [make_text(1, WIDTH, count=5)])


def test_measures_of_an_unedited_model() -> None:
    scene = make_scene(width=WIDTH)
    grams = (scene.gram.total, scene.gram.values)
    pair, values = (PairGram.from_operator(gram, Operator.identity(WIDTH)) for gram in grams)
    target, anchor = scene.texts.targets[0], scene.texts.anchors[0]
    own = measure_attack(pair, values, target, anchor, target)
    assert (own.forgotten, own.recoverable, own.norm_ratio) == pytest.approx((0, 1, 1))
    assert measure_attack(pair, values, target, anchor, anchor).recoverable == pytest.approx(0, abs=1e-12)
    louder = measure_attack(pair, values, target, anchor, replace(target, tokens=2.5 * target.tokens))
    assert louder.norm_ratio == pytest.approx(2.5)
    assert louder.recoverable != pytest.approx(1, abs=0.01)


def test_they_are_those_of_the_loop() -> None:
    """The embedding derived for the only target of an erasure measures as the epoch's record says."""
    scene = make_scene(width=WIDTH, targets=1)
    (result,) = iterate_erasure(scene.gram, scene.texts, EraseSettings(epochs=0))
    pairs = (PairGram.from_operator(gram, result.operator) for gram in (scene.gram.total, scene.gram.values))
    (target,), (anchor,), (derived,) = scene.texts.targets, scene.texts.anchors, result.derived
    found = measure_attack(*pairs, target, anchor, replace(target, tokens=derived))
    assert found.forgotten == pytest.approx(result.record.forgotten)
    assert found.recoverable == pytest.approx(result.record.recoverable)
    assert found.norm_ratio == pytest.approx(result.record.norm_ratio)
