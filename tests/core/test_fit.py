"""Onto which models an erasure fits, and what of it holds there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from torch import Tensor

from rece_core.erasing.erasure import Erasure, check_fit, describe_fit
from rece_core.erasing.pipeline import erase_concepts, plan_erasure
from rece_core.erasing.settings import EditSettings, EraseSettings
from rece_core.models.fingerprint import Fingerprint, fingerprint
from rece_core.models.text_entries import Family
from rece_core.models.text_model import TextModel
from rece_core.models.weights import accumulate_gram
from rece_core.texts.concepts import parse_concepts
from tests.core.random_models import deviation, make_operator
from tests.core.text_models import encode, make_model, make_weights

CONCEPTS = parse_concepts("custom", "a red circle => a blue square")


def erase(settings: EraseSettings, weights: Mapping[str, Tensor]) -> Erasure:
    return erase_concepts(plan_erasure(make_model(weights), encode, CONCEPTS, settings))


def read_bases(model: TextModel) -> dict[str, Fingerprint]:
    return {
        cond_input: fingerprint(accumulate_gram(model.read(entries, lambda step: None)).total)
        for cond_input, entries in model.cond_inputs.items()
    }


def test_the_first_edit_of_an_operator_without_value_erasers_is_that_of_any_checkpoint() -> None:
    """What `describe_fit` calls exact is, and what it calls approximate is not."""
    made, other = make_weights(), make_weights(1000)
    for settings, exact in (
        (EraseSettings(epochs=0), True),
        (EraseSettings(EditSettings(mode="prior"), epochs=0), True),
        (EraseSettings(EditSettings(mode="strict", free_share=0.2), epochs=0), True),
        (EraseSettings(EditSettings(mode="orthogonal"), epochs=0), False),
        (EraseSettings(epochs=2), False),
    ):
        here, there = erase(settings, made), erase(settings, other)
        lines = describe_fit(here, make_model(other), read_bases(make_model(other))).splitlines()
        for (cond_input, part), line in zip(here.parts.items(), lines, strict=True):
            moved = deviation(part.operator.matrix(), there.parts[cond_input].operator.matrix())
            assert line.startswith(
                f"conditioning input '{cond_input}': made on other weights of the same text encoder: "
            )
            assert ("its first edit is exact" in line) == (settings.edit.mode != "orthogonal")
            assert ("epochs" in line.split("approximate")[1]) == (settings.epochs > 0)
            if settings.edit.mode != "orthogonal":
                assert (moved < 1e-9) == exact, (settings, moved)


def test_on_the_weights_it_was_made_on_all_is_exact() -> None:
    weights = make_weights()
    erasure = erase(EraseSettings(EditSettings(mode="prior"), 1, seal=1.0), weights)
    half = make_model({name: weight.half() for name, weight in weights.items()})
    for line in describe_fit(erasure, half, read_bases(half)).splitlines():
        assert "made on these weights: all of it is exact" in line
    other = make_model(make_weights(1000))
    line, *_ = describe_fit(erasure, other, read_bases(other)).splitlines()
    bound = "epochs, value erasers, the measures in its report"
    assert line.endswith(f"its first edit is exact; approximate, as they looked at those weights: {bound}.")


def test_a_fitting_model() -> None:
    check_fit(erase(EraseSettings(EditSettings(mode="orthogonal"), 0), make_weights()), make_model(make_weights(7)))


def test_another_family() -> None:
    erasure = erase(EraseSettings(epochs=0), make_weights())
    model = make_model(make_weights())
    other = replace(model, family=replace(model.family, name="large"))
    with pytest.raises(
        ValueError, match=r"made on a model of the family 'small', this one is of 'large'.* erase again"
    ):
        check_fit(erasure, other)


def test_a_input_that_the_model_does_not_read() -> None:
    erasure = erase(EraseSettings(epochs=0), make_weights())
    model = make_model(make_weights())
    tokens = replace(model, family=Family("small", model.cond_inputs["tokens"]))
    with pytest.raises(
        ValueError, match=r"for the conditioning input 'pooled' too, .* family 'small' does not read \(.* tokens\)"
    ):
        check_fit(erasure, tokens)
    alone = replace(erasure, parts={"tokens": erasure.parts["tokens"]})
    check_fit(alone, tokens)
    check_fit(alone, model)


def test_another_width() -> None:
    erasure = erase(EraseSettings(epochs=0), make_weights())
    wide = replace(erasure.parts["pooled"], operator=make_operator(0, 18, 2))
    with pytest.raises(ValueError, match=r"width 18, .* family 'small' reads width 16 \(conditioning input 'pooled'\)"):
        check_fit(replace(erasure, parts={**erasure.parts, "pooled": wide}), make_model(make_weights()))


@pytest.mark.parametrize(
    ("mode", "seal", "name"), [("orthogonal", 0.0, "in.0.attn2.to_k.weight"), ("prior", 1.0, "in.0.attn2.to_v.weight")]
)
def test_other_layers(mode: str, seal: float, name: str) -> None:
    erasure = erase(EraseSettings(EditSettings(mode=mode), 0, seal=seal), make_weights())
    model = make_model(make_weights())
    fewer = Family("small", tuple(entry for entry in model.family.entries if not entry.name.startswith("in.")))
    with pytest.raises(ValueError, match=rf"layer by layer, .*: {name} has 1\d rows there and no here"):
        check_fit(erasure, replace(model, family=fewer))
