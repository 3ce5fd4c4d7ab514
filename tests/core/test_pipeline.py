"""Every conditioning input is erased: by an operator of its own, as if it were the only one, and nothing else moves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from rece_core.erasing.erase import iterate_erasure
from rece_core.erasing.erasure import Erasure
from rece_core.erasing.pipeline import Plan, erase_concepts, plan_erasure
from rece_core.erasing.schedule import Goals
from rece_core.erasing.settings import EditSettings, EraseSettings
from rece_core.models.families import TextPreprocessor
from rece_core.models.text_entries import Family
from rece_core.models.text_model import TextModel
from rece_core.models.weights import accumulate_gram
from rece_core.progress import Progress
from rece_core.reporting.description import describe_erasure, summarize_erasure
from rece_core.texts.alignment import EncodedText
from rece_core.texts.concepts import parse_concepts
from tests.core.random_models import deviation, make_text, randn
from tests.core.text_models import (
    BLOCKS,
    LABEL,
    POOLED_WIDTH,
    WIDTH,
    encode,
    make_model,
    make_weights,
    without_bias,
)

CONCEPTS = parse_concepts("custom", "a red circle, a disc => a blue square\nsnoopy => a dog", preserve="a cat")
PAPER = EraseSettings(epochs=2)


def plan(model: TextModel | None = None, settings: EraseSettings = PAPER, **options: Any) -> Plan:
    return plan_erasure(model or make_model(make_weights()), encode, CONCEPTS, settings, **options)


def edit(weights: dict[str, Tensor], model: TextModel, erasure: Erasure) -> dict[str, Tensor]:
    """The weights of an erased model, biases and all."""
    edited = {name: weight.clone() for name, weight in weights.items()}
    for cond_input, part in erasure.parts.items():
        entries = model.cond_inputs[cond_input]
        for entry, weight in zip(entries, model.read(entries, lambda step: None), strict=True):
            edited[entry.name][:, slice(*entry.columns or (None,))] += part.change_of(weight)
        for name, change in part.bias_changes(entries, model.shapes, lambda name: weights[name]).items():
            edited[name] += change
    return edited


def run(weights: dict[str, Tensor], tokens: Tensor, pooled: Tensor) -> Tensor:
    """What the model makes of a text: attention of a fixed query in each block, times what the label layer says."""
    label = weights[LABEL] @ torch.cat([torch.ones(8, dtype=torch.float64), pooled[0]]) + weights["label_emb.0.0.bias"]
    found = []
    for number, block in enumerate(BLOCKS):
        keys, values = (tokens @ weights[f"{block}.to_{letter}.weight"].T for letter in "kv")
        mixed = torch.softmax(randn(70 + number, 5, 10) @ keys.T, -1) @ values
        found.append(mixed @ weights[f"{block}.to_out.0.weight"].T + weights[f"{block}.to_out.0.bias"])
    return torch.outer(torch.tanh(label), torch.cat(found).flatten())


def test_the_edited_model_given_a_text_is_the_original_given_what_the_operators_make_of_it() -> None:
    weights = make_weights()
    model = make_model(weights)
    erasure = erase_concepts(plan(model))
    edited = edit(weights, model, erasure)
    assert {name for name in weights if not torch.equal(weights[name], edited[name])} == {
        entry.name for entry in model.family.entries
    }
    assert torch.equal(edited[LABEL][:, :8], weights[LABEL][:, :8]), "columns that read something else"
    tokens, pooled = randn(1, 6, WIDTH), randn(2, 1, POOLED_WIDTH)
    moved = [
        erasure.parts[cond_input].operator.apply_to_tokens(rows)
        for cond_input, rows in (("tokens", tokens), ("pooled", pooled))
    ]
    assert deviation(run(edited, tokens, pooled), run(weights, *moved)) < 1e-10
    for given in ((tokens, pooled), (moved[0], pooled), (tokens, moved[1])):  # control: neither alone will do
        assert deviation(run(weights, *given), run(weights, *moved)) > 0.01


@pytest.mark.parametrize("mode", ["paper", "prior", "strict", "orthogonal"])
def test_each_input_is_erased_as_if_it_were_the_only_one(mode: str) -> None:
    settings = EraseSettings(EditSettings(mode=mode), 1, seal=0.0 if mode == "paper" else 0.5)
    both = erase_concepts(plan(settings=settings))
    model = make_model(make_weights())
    tokens = {entry.name for entry in model.cond_inputs["tokens"]}
    alone = replace(model, family=Family("small", tuple(e for e in model.family.entries if e.name in tokens)))
    one = erase_concepts(plan(alone, settings))
    assert list(both.parts) == ["tokens", "pooled"] and list(one.parts) == ["tokens"]
    for entry in model.read(model.cond_inputs["tokens"], lambda step: None):
        assert torch.equal(both.change_of(entry), one.change_of(entry))
    pooled = both.parts["pooled"]
    assert mode == "orthogonal" or pooled.records[0].forgotten > 0.3
    assert (LABEL in pooled.value_erasers) == (mode != "paper") and (LABEL in pooled.orthogonal_maps) == (
        mode == "orthogonal"
    )


def test_the_pooled_embedding_is_an_ordinary_text_of_one_token() -> None:
    model = make_model(make_weights())
    planned = plan(model)
    part = erase_concepts(planned).parts["pooled"]
    prepared = {word: planned.prepare_inputs(word) for word in planned.texts.words}
    texts = planned.texts.collect("pooled", prepared, None)
    assert [text.tokens.shape for text in texts.targets] == [(1, POOLED_WIDTH)] * 3
    *_, last = iterate_erasure(
        accumulate_gram(model.read(model.cond_inputs["pooled"], lambda step: None)), texts, PAPER
    )
    assert deviation(part.operator.matrix(), last.operator.matrix()) < 1e-9
    assert part.records[-1].forgotten == last.record.forgotten


def test_embeddings_to_forget_are_tokens() -> None:
    concepts = replace(CONCEPTS, embeddings=(randn(9, 6, WIDTH),))
    planned = plan_erasure(make_model(make_weights()), encode, concepts, PAPER)
    prepared = {word: planned.prepare_inputs(word) for word in planned.texts.words}
    assert [len(planned.texts.collect(cond_input, prepared, None).targets) for cond_input in planned.settings] == [4, 3]


def test_switched_off_the_pooled_embedding_is_left_alone_and_the_report_says_so() -> None:
    planned = plan(pooled=False)
    assert planned.left_alone == {"pooled": "switched off"}
    erasure = erase_concepts(planned)
    assert list(erasure.parts) == list(erasure.encoder) == ["tokens"]
    assert "conditioning input 'pooled' is left alone: switched off" in describe_erasure(erasure)
    assert "pooled: left alone, switched off" in summarize_erasure(erasure)
    on = erase_concepts(plan())  # control
    assert "left alone" not in describe_erasure(on) + summarize_erasure(on)
    assert "conditioning input 'pooled'" in describe_erasure(
        on
    ) and "pooled, first edit: forgotten" in summarize_erasure(on)
    assert list(on.encoder) == ["tokens", "pooled"]


def test_a_text_encoder_without_a_pooled_embedding() -> None:
    model = make_model(make_weights())
    alone = plan_erasure(model, lambda text: {"tokens": encode(text)["tokens"]}, CONCEPTS, PAPER)
    assert alone.left_alone == {"pooled": "the text encoder gives no such embedding"}
    with pytest.raises(ValueError, match=r"gives pooled, but the model reads token embeddings. Connect the CLIP"):
        plan_erasure(model, lambda text: {"pooled": encode(text)["pooled"]}, CONCEPTS, PAPER)
    with pytest.raises(
        ValueError, match=r"conditioning input 'tokens' .* of width 25, but the model reads width 24. Connect"
    ):
        plan_erasure(model, lambda text: {"tokens": make_text(0, 25)}, CONCEPTS, PAPER)
    narrow = EncodedText("", randn(0, 1, 5), 0)
    with pytest.raises(ValueError, match=r"conditioning input 'pooled' .* of width 5, but the model reads width 16"):
        plan_erasure(model, lambda text: {**encode(text), "pooled": narrow}, CONCEPTS, PAPER)


def test_ridge_scales_are_chosen_for_each_input() -> None:
    found = plan(auto_ridges=True).settings
    assert (found["tokens"].edit.ridge_scale, found["pooled"].edit.ridge_scale) == ("absolute", "relative")
    told = plan(settings=EraseSettings(EditSettings(ridge_scale="relative"))).settings
    assert {each.edit.ridge_scale for each in told.values()} == {"relative"}


def test_goals_are_searched_for_in_each_input() -> None:
    erasure = erase_concepts(plan(goals=Goals(0.2, 0.9)))
    for part in erasure.parts.values():
        assert len(part.records) == part.settings.epochs + 1
        assert part.note.startswith(f"edit ridge {part.settings.edit.ridge:g}, {part.settings.epochs} epochs: ")


def test_values_are_left_alone_where_erasing_them_moves_the_rest_too_far() -> None:
    settings = EraseSettings(EditSettings(mode="prior"), 1, seal=1.0)

    def erase(limit: float, seal: float) -> Erasure:
        return erase_concepts(plan(settings=replace(settings, seal=seal), goals=Goals(0.5, limit)))

    for name, part in erase(0.0, 0.0).parts.items():
        limit = 1.02 * part.records[-1].drift  # the least that is possible without value erasers
        tight, loose = (erase(each, 1.0).parts[name] for each in (limit, 1e9))
        assert loose.value_erasers and loose.settings.seal == 1 and "left as they are" not in loose.note
        assert not tight.value_erasers and tight.settings.seal == 0
        assert "values are left as they are: with them erased even the first edit drifts by" in tight.note


@pytest.mark.parametrize("mode", ["paper", "orthogonal"])
@pytest.mark.parametrize("goals", [None, Goals(0.0, 1.0)])
def test_steps_are_counted_and_named(mode: str, goals: Goals | None) -> None:
    planned = plan(settings=EraseSettings(EditSettings(mode=mode), 2, seal=1.0), goals=goals)
    steps, shares = list[str](), list[float]()

    def show(share: float, step: str) -> None:
        steps.append(step)
        shares.append(share)

    erase_concepts(planned, Progress(show))
    assert shares == sorted(shares)
    assert len(set(shares)) > 20
    assert shares[-1] == pytest.approx(1) if goals is None else shares[-1] <= 1
    assert "pooled: first edit: derive 'snoopy'" in steps
    alone: list[str] = []
    erase_concepts(plan(pooled=False), Progress(lambda share, step: alone.append(step)))
    assert "epoch 1: derive 'snoopy'" in alone


def test_an_input_layer_with_a_value_eraser_reads_the_anchors_level_whatever_comes_in() -> None:
    """The theorem of `value_eraser`, for a layer that a whole embedding passes through, beside other inputs."""
    weights = make_weights()
    model = make_model(weights)
    settings = EraseSettings(EditSettings(mode="prior"), 1, seal=1.0)
    erasure = erase_concepts(plan(model, settings))
    edited = edit(weights, model, erasure)
    eraser = erasure.parts["pooled"].value_erasers[LABEL]
    anything = 100 * randn(3, 50, POOLED_WIDTH)
    outputs, before = (
        anything @ weights_of[LABEL][:, 8:].T + weights_of["label_emb.0.0.bias"] for weights_of in (edited, weights)
    )
    read = (outputs - weights["label_emb.0.0.bias"]) @ eraser.project_right
    assert (read - eraser.target).abs().max() < 1e-8 * before.abs().max()
    control = (before - weights["label_emb.0.0.bias"]) @ eraser.project_right
    assert (control - eraser.target).abs().mean() > 1


def test_where_only_some_inputs_have_a_bias_those_get_value_erasers() -> None:
    settings = EraseSettings(EditSettings(mode="prior"), 0, seal=1.0)
    model = without_bias(make_model(make_weights()), "label_emb.0.0.bias")
    erasure = erase_concepts(plan(model, settings))
    assert erasure.parts["tokens"].value_erasers and not erasure.parts["pooled"].value_erasers
    assert [part.settings.seal for part in erasure.parts.values()] == [1.0, 0.0]
    assert erasure.parts["pooled"].note.startswith("no value erasure: no bias")
    assert "no value erasure: no bias" in describe_erasure(erasure)
    none = without_bias(model, *(f"{block}.to_out.0.bias" for block in BLOCKS))
    with pytest.raises(ValueError, match=r"needs a bias .*Set seal to 0"):
        plan(none, settings)
    plan(none, replace(settings, seal=0.0))  # control


def test_a_norm_before_the_entries_is_passed_first() -> None:
    weights = {**make_weights(), "norm.weight": 1 + 0.3 * randn(5, WIDTH)}
    model = make_model(weights, TextPreprocessor("rms", ("norm.weight",), 1e-6))
    erasure = erase_concepts(plan(model))
    edited = edit(weights, model, erasure)
    read = model.prepare_inputs(encode("a red circle"))["tokens"][0].tokens
    expected = erasure.parts["tokens"].operator.apply_to_tokens(read)
    pooled = encode("a red circle")["pooled"].tokens
    whole = erasure.parts["pooled"].operator.apply_to_tokens(pooled)
    assert deviation(run(edited, read, pooled), run(weights, expected, whole)) < 1e-10
    plain = erase_concepts(plan(make_model(weights)))
    assert deviation(plain.parts["tokens"].operator.matrix(), erasure.parts["tokens"].operator.matrix()) > 0.01
    assert torch.equal(plain.parts["pooled"].operator.matrix(), erasure.parts["pooled"].operator.matrix())
    assert plain.encoder == erasure.encoder, "what the encoder gives does not depend on the model's norm"


def test_what_a_norm_reads_can_be_reached_up_to_the_size_of_rows() -> None:
    weights = {**make_weights(), "norm.weight": 1 + 0.3 * randn(5, WIDTH)}
    model = make_model(weights, TextPreprocessor("rms", ("norm.weight",)))
    wanted = model.prepare_inputs(encode("a dog"))["tokens"][0].tokens
    given = model.reach("tokens", 7 * wanted)
    found = model.prepare_inputs({"tokens": EncodedText("", given, 0)})["tokens"][0].tokens
    assert deviation(found, wanted) < 1e-6
    assert torch.equal(model.reach("pooled", wanted), wanted)
    assert not make_model(weights, TextPreprocessor("layer", ("norm.weight", "norm.weight"))).can_reach("tokens")


def test_rows_that_join_a_input_are_erased_with_it() -> None:
    """As in HunyuanDiT, whose weights read the rows of a second encoder along with the tokens."""
    model = make_model(make_weights())
    joined = replace(model, family=replace(model.family, joins={"t5": "tokens"}))

    def encode_both(text: str) -> dict[str, EncodedText]:
        return {**encode(text), "t5": replace(encode(f"t5 {text}")["tokens"], text=text)}

    planned = plan_erasure(joined, encode_both, CONCEPTS, PAPER)
    prepared = {word: planned.prepare_inputs(word) for word in planned.texts.words}
    texts = planned.texts.collect("tokens", prepared, None)
    assert len(texts.targets) == 2 * 3 and texts.groups == (0, 0, 0, 0, 1, 1)
    assert torch.equal(texts.anchors[1].tokens, encode("t5 a blue square")["tokens"].tokens)
    erasure = erase_concepts(planned)
    assert list(erasure.parts) == ["tokens", "pooled"] and set(erasure.encoder) == {"tokens", "t5", "pooled"}
    alone = erase_concepts(plan(model))
    t5, anchor = (encode(f"t5 {text}")["tokens"].tokens[1:] for text in ("snoopy", "a dog"))
    reached = [deviation(each.parts["tokens"].operator.apply_to_tokens(t5), anchor) for each in (erasure, alone)]
    assert reached[0] < 0.5 * reached[1]


def test_once_all_texts_are_encoded_the_encoder_may_go() -> None:
    steps: list[str] = []
    settings = EraseSettings(EditSettings(mode="prior"), epochs=0)
    progress = Progress(lambda share, step: steps.append(step))
    erase_concepts(plan(settings=settings), progress, on_encoded=lambda: steps.append("encoded"))
    before, after = steps[: steps.index("encoded")], steps[steps.index("encoded") + 1 :]
    assert before and all(step.startswith("encode '") for step in before)
    assert after and not any("encode '" in step for step in after)


def test_the_condition_is_that_of_the_whole_and_stands_with_the_last_edit() -> None:
    erasure = erase_concepts(plan())
    for part in erasure.parts.values():
        *before, last = part.records
        assert [record.condition for record in before] == [None, None]
        assert last.condition == pytest.approx(float(torch.linalg.cond(part.operator.matrix())), rel=1e-6)
    table = [
        line.split()
        for line in describe_erasure(erasure).splitlines()
        if line.strip().startswith(("first", "epoch")) and ":" not in line
    ]
    assert [row[-1] == "–" for row in table] == [True, True, False] * 2
