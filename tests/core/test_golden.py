"""Every tensor of the published procedure's golden cases; golden/README.md says what they hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors import safe_open
from torch import Tensor

from rece_core.erasing.derive import Derivation
from rece_core.erasing.erase import EncodedConcepts, iterate_erasure
from rece_core.erasing.settings import EditSettings, EraseSettings
from rece_core.models.weights import Weight, accumulate_gram, accumulate_pair_grams
from rece_core.texts.alignment import EncodedText
from tests.core.random_models import deviation

GOLDEN = Path(__file__).parent / "golden"
ACCEPTED = 1e-8


class Case:
    """One golden file: its settings and tensors by name."""

    def __init__(self, name: str) -> None:
        with safe_open(GOLDEN / f"{name}.safetensors", framework="pt") as file:
            self.settings = {key: json.loads(value) for key, value in file.metadata().items()}
            self.tensors: dict[str, Tensor] = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118

    def weights(self, stage: str) -> dict[str, Tensor]:
        prefix = f"{stage}/"
        return {key.removeprefix(prefix): value for key, value in self.tensors.items() if key.startswith(prefix)}

    def originals(self) -> list[Weight]:
        return [
            Weight(name, "key" if name.endswith("to_k") else "value", matrix)
            for name, matrix in self.weights("original").items()
        ]

    def texts(self, setting: str) -> tuple[EncodedText, ...]:
        last = self.settings["last_token"]
        return tuple(EncodedText(text, self.tensors[f"text/{text}"], last[text]) for text in self.settings[setting])

    def concepts(self) -> EncodedConcepts:
        return EncodedConcepts(*map(self.texts, ("erase", "anchor", "preserve_edit", "preserve_epoch")))

    def erase_settings(self) -> EraseSettings:
        wanted = self.settings
        edit = EditSettings(wanted["erase_scale"], wanted["lambda_1"], wanted["lambda_2"])
        return EraseSettings(edit, wanted["epochs"], wanted["lambda"])


@pytest.fixture(params=["unsafe", "artists", "replace"])
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


def test_every_tensor_of_the_published_procedure(case: Case) -> None:
    weights = case.originals()
    checked = {f"original/{weight.name}" for weight in weights} | {key for key in case.tensors if key[:5] == "text/"}
    results = list(iterate_erasure(accumulate_gram(weights), case.concepts(), case.erase_settings()))
    assert len(results) == case.settings["epochs"] + 1
    for epoch, result in enumerate(results):
        stage = f"epoch{epoch}" if epoch else "edited"
        for name, expected in case.weights(stage).items():
            original = case.tensors[f"original/{name}"]
            assert deviation(original, expected) > 0.01, "control: the edit changes this weight"
            assert deviation(result.operator.apply_to_weight(original), expected) < ACCEPTED, (stage, name)
            checked.add(f"{stage}/{name}")
        if epoch < len(results) - 1:
            for name, derived in zip(case.settings["erase"], result.derived, strict=True):
                key = f"derived/epoch{epoch + 1}/{name}"
                assert deviation(derived, case.tensors[key]) < ACCEPTED, key
                checked.add(key)
    assert checked == set(case.tensors)


def test_derivation_from_the_published_weights_of_each_epoch(case: Case) -> None:
    """The same embeddings from both models' weights, with no operator known."""
    for epoch in range(1, case.settings["epochs"] + 1):
        edited = case.weights(f"epoch{epoch - 1}" if epoch > 1 else "edited")
        pair, _ = accumulate_pair_grams((weight, edited[weight.name]) for weight in case.originals())
        derivation = Derivation(pair, case.settings["lambda"])
        for text in case.texts("erase"):
            expected = case.tensors[f"derived/epoch{epoch}/{text.text}"]
            assert deviation(text.tokens, expected) > 0.01, "control: what is derived is not the concept itself"
            assert deviation(derivation.derive(text.tokens), expected) < ACCEPTED
