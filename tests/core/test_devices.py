"""On a device of its own, beside text embeddings on the CPU: nothing is mixed, and numbers are the CPU's to the bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from rece_core.algebra import gram as gram_module
from rece_core.algebra.operator import Operator
from rece_core.attacks.red_team import add_derived, find_direction, measure_attack
from rece_core.erasing.derive import Derivation
from rece_core.erasing.erase import EncodedConcepts, iterate_erasure, prepare_solvers
from rece_core.erasing.erasure import Part
from rece_core.erasing.pipeline import erase_concepts, plan_erasure
from rece_core.erasing.schedule import Goals
from rece_core.erasing.settings import ITERATIONS, MODES, EditSettings, EraseSettings
from rece_core.models.families import TextPreprocessor, preprocess, undo_preprocessing
from rece_core.models.fingerprint import fingerprint
from rece_core.models.weights import Weight, accumulate_gram, accumulate_pair_grams
from rece_core.reporting.metrics import measure_erasure
from rece_core.sharing.erasure_file import load_erasure, save_erasure
from rece_core.sharing.lora_file import make_lora
from rece_core.texts.concepts import parse_concepts
from rece_core.texts.prior import accumulate_prior
from tests.core.erasures import change_tokens, make_erasure
from tests.core.pretend_device import pretend_device
from tests.core.random_models import make_operator, make_scene, make_text, randn
from tests.core.text_models import encode, make_model
from tests.core.text_models import make_weights as make_stored_weights

WIDTH = 24  # as `text_models` has it
CAPTIONS = ("a house by the sea", "a bowl of fruit", "a dog in the grass")
CPU = torch.device("cpu")


def make_weights(device: torch.device) -> list[Weight]:
    return [replace(each, matrix=each.matrix.to(device)) for each in make_scene(0, WIDTH).weights]


def make_texts(targets: int, device: torch.device = CPU) -> EncodedConcepts:
    texts = make_scene(0, WIDTH, targets).texts
    prior = accumulate_prior([make_text(500 + i, WIDTH) for i in range(20)])
    moved = {
        name: tuple(replace(text, tokens=text.tokens.to(device)) for text in getattr(texts, name))
        for name in ("targets", "anchors", "preserved", "probes")
    }
    return replace(texts, **moved, prior=prior, exact=(make_text(600, WIDTH, 2),))


def erase(settings: EraseSettings, targets: int, device: torch.device, texts_on: torch.device = CPU) -> list[Any]:
    """All that an erasure of weights on `device` gives, and what becomes of them, as bare numbers on the CPU."""
    weights, texts = make_weights(device), make_texts(targets, texts_on)
    gram = accumulate_gram(weights)
    value_erasers, make_solver = prepare_solvers(lambda: weights, gram, texts, settings)
    results = list(iterate_erasure(gram, texts, settings, solver=make_solver()))
    last = results[-1]
    # PyTorch finds the eigenvalues of a subclass together with their vectors, so their last digit may differ.
    condition = torch.tensor(last.operator.condition_number())  # in float32
    records = tuple(replace(result.record, seconds=0.0) for result in results)
    part = Part(
        last.operator.compressed(), settings, records, fingerprint(gram.total), last.orthogonal_maps, value_erasers
    )
    changes = [part.change_of(weight) for weight in weights]
    factors = [each for weight in weights for each in part.factors_for(weight) or ()]
    assert {each.device for each in (*changes, *factors, *last.derived)} == {weights[0].matrix.device}
    return [
        condition,
        records,
        part.base,
        *(each.cpu() for each in (*last.derived, last.operator.matrix(), *changes, *factors)),
    ]


def assert_same(found: list[Any], expected: list[Any]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other) if isinstance(one, Tensor) else one == other


def compute_everywhere(compute: Callable[[torch.device], list[Any]]) -> None:
    """`compute` on the CPU and on the pretended device, which must give the same."""
    with torch.no_grad():
        expected = compute(CPU)
    with pretend_device() as device:
        found = compute(device)
    assert_same([each.cpu() if isinstance(each, Tensor) else each for each in found], expected)
    if torch.cuda.is_available():  # a real one too, whose sums round in another order
        with torch.no_grad():
            assert_near(compute(torch.device("cuda:0")), expected)


def assert_near(found: list[Any], expected: list[Any]) -> None:
    """All tensors but for rounding, and for the signs of factors, which a solver is free to choose."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        if isinstance(one, Tensor) and one.is_floating_point():
            size = other.double().abs()
            torch.testing.assert_close(
                one.cpu().double().abs(), size, rtol=1e-3, atol=1e-4 * float(size.max()) + 1e-9, check_dtype=False
            )


@pytest.fixture(autouse=True)
def sums_in_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU multiplies many weights at once, which rounds otherwise."""
    monkeypatch.setattr(gram_module, "starts_slowly", lambda device: False)


@pytest.mark.parametrize("rows", [40, 8192])
def test_many_weights_at_once(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    expected = accumulate_gram(make_weights(CPU))
    monkeypatch.setattr(gram_module, "ROWS_IN_FLOAT32", rows)
    monkeypatch.setattr(gram_module, "starts_slowly", lambda device: True)
    monkeypatch.setattr(gram_module, "BLOCK_ON_GPU", 7)
    monkeypatch.setattr(gram_module, "MIRRORED_ON_GPU", 10)
    with pretend_device() as device:
        found = accumulate_gram(make_weights(device))
        total, values = found.total.cpu(), found.values.cpu()
    torch.testing.assert_close(total, expected.total, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(values, expected.values, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("texts_elsewhere", [False, True])
@pytest.mark.parametrize("targets", [1, 2, 5])
@pytest.mark.parametrize("seal", [0.0, 0.7])
@pytest.mark.parametrize("iteration", ITERATIONS)
@pytest.mark.parametrize("mode", MODES)
def test_an_erasure(mode: str, iteration: str, seal: float, targets: int, texts_elsewhere: bool) -> None:
    """Weights on the device; texts there too, or on the CPU, as from a text encoder that was offloaded."""
    settings = EraseSettings(EditSettings(mode=mode, ridge=1.0), 2, iteration=iteration, seal=seal)
    compute_everywhere(lambda device: erase(settings, targets, device, device if texts_elsewhere else CPU))


def test_weights_that_lie_on_several_devices() -> None:
    """As those of a model that is loaded in part: the sums lie where the first weight lies."""

    def compute(device: torch.device) -> list[Any]:
        weights = [replace(each, matrix=each.matrix.to(device)) for each in make_weights(CPU)[:2]]
        gram = accumulate_gram([*weights, *make_weights(CPU)[2:]])
        assert gram.total.device == gram.values.device == device
        return [gram.total, gram.values, fingerprint(gram.total)]

    compute_everywhere(compute)


def test_two_models_attacks_and_what_they_bring_back() -> None:
    texts = make_texts(2)
    target, anchor = texts.targets[0], texts.anchors[0]

    def compute(device: torch.device) -> list[Any]:
        operator = make_operator(7, WIDTH, 3)
        edited = [operator.apply_to_weight(each.matrix) for each in make_weights(CPU)]
        # The model under test may lie elsewhere than the original.
        pair, values = accumulate_pair_grams(zip(make_weights(device), edited, strict=True))
        derived = Derivation(pair, 0.1).derive(target.tokens)
        assert derived.device == device
        attack = replace(target, tokens=derived)
        measures = measure_attack(pair, values, target, anchor, attack)
        added = add_derived(texts.targets[1], target, anchor, derived, 0.5)
        return [derived, measures, added, find_direction([attack], [target])]

    compute_everywhere(compute)


def test_the_identity_lies_where_it_is_asked_for() -> None:
    with pretend_device() as device:
        edit = Operator(randn(1, WIDTH, 2).to(device), randn(2, WIDTH, 2).to(device))
        assert torch.equal(Operator.identity(WIDTH, device).then(edit).matrix().cpu(), edit.matrix().cpu())
        with pytest.raises(RuntimeError, match="same device"):
            Operator.identity(WIDTH).then(edit)


@pytest.mark.parametrize("kind, shapes", [("rms", [(8,)]), ("mlp", [(9, 8), (9,), (6, 9), (6,)]), ("pool", [(12, 8)])])
def test_text_preprocessors(kind: str, shapes: list[tuple[int, ...]]) -> None:
    preprocessor = TextPreprocessor(kind, tuple(f"weight {i}" for i in range(len(shapes))), 1e-6)
    weights = {name: randn(i, *shape) for i, (name, shape) in enumerate(zip(preprocessor.weights, shapes, strict=True))}

    def compute(device: torch.device) -> list[Any]:
        moved = {name: weight.to(device) for name, weight in weights.items()}
        read = preprocess(preprocessor, randn(9, 6, 8), moved)  # the text encoder gives its tokens on the CPU
        return [read, undo_preprocessing(preprocessor, read, moved)] if kind == "rms" else [read]

    compute_everywhere(compute)


@pytest.mark.parametrize("goals", [None, Goals(0.2, 0.5)])
@pytest.mark.parametrize("seal", [0.0, 0.7])
def test_every_input_hardened_measured_and_saved_as_a_lora(seal: float, goals: Goals | None) -> None:
    """A whole erasure as the nodes make it, with a found embedding among the targets, which lies on the device too."""

    def compute(device: torch.device) -> list[Any]:
        weights = {name: weight.to(device) for name, weight in make_stored_weights().items()}
        model = make_model(weights)
        concepts = parse_concepts(
            "custom", "a red circle => a blue square", captions=CAPTIONS, embeddings=[randn(3, 6, WIDTH).to(device)]
        )
        settings = EraseSettings(EditSettings(mode="prior", ridge=1.0), 1, seal=seal)
        erasure = erase_concepts(plan_erasure(model, encode, concepts, settings, goals=goals))
        found: list[Any] = [erasure.encoder]
        for cond_input, part in erasure.parts.items():
            found += [part.base, part.operator.matrix(), part.settings]
            entries = model.cond_inputs[cond_input]
            changes = [part.change_of(weight) for weight in model.read(entries, str)]
            biases = part.bias_changes(entries, model.shapes, weights.__getitem__)
            found += [*changes, *biases.values()]
        everything = model.list_entries(erasure.parts)
        metrics = measure_erasure(erasure, model.read(everything, str), [model.prepare_inputs(encode("a house"))])
        lora = make_lora(erasure, model, weights.__getitem__)
        assert {tensor.device for tensor in lora.tensors.values()} == {CPU}
        return [*found, metrics.changes, metrics.drifts, *lora.tensors.values()]

    compute_everywhere(compute)


def test_an_erasure_file(tmp_path: Path) -> None:
    def compute(device: torch.device) -> list[Any]:
        part = make_erasure().parts["tokens"]
        moved = Operator(part.operator.left.to(device), part.operator.right.to(device))
        save_erasure(change_tokens(make_erasure(), operator=moved), tmp_path / f"{device}.safetensors")
        loaded = load_erasure(tmp_path / f"{device}.safetensors").parts["tokens"].operator
        return [loaded.left, loaded.right]

    compute_everywhere(compute)


def test_the_pretended_device_refuses_to_mix() -> None:
    """The control: what CUDA refuses, it refuses."""
    with pretend_device() as device:
        assert (torch.ones(2, device=device) * torch.tensor(2.0)).device == device
        counted = torch.zeros(3, 3, device=device)
        counted.diagonal().add_(5)
        assert counted.sum().item() == 15 and counted.cpu().device == CPU
        with pytest.raises(RuntimeError, match="same device"):
            torch.ones(2, 2, device=device) @ torch.ones(2, 2)
