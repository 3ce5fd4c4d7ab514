"""An edited model given c is the original model given M c, through real attention."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from rece_core.algebra.operator import Operator
from rece_core.erasing.erase import iterate_erasure
from rece_core.erasing.settings import EraseSettings
from rece_core.models.weights import Weight, accumulate_gram
from tests.core.random_models import deviation, make_scene, randn

WIDTH, INNER, HEADS = 24, 32, 4
EPOCHS = [0, 2]


class CrossAttention(nn.Module):
    """Multi-head attention from features to text, with layers named as in a U-Net."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        self.to_q, self.to_out = nn.Linear(inner, inner, bias=False), nn.Linear(inner, inner)
        self.to_k, self.to_v = (nn.Linear(WIDTH, inner, bias=False) for _ in range(2))

    def forward(self, features: Tensor, text: Tensor) -> Tensor:
        query, key, value = self.to_q(features), self.to_k(text), self.to_v(text)
        heads = (each.unflatten(-1, (HEADS, -1)).transpose(-3, -2) for each in (query, key, value))
        mixed = functional.scaled_dot_product_attention(*heads)
        return features + self.to_out(mixed.transpose(-3, -2).flatten(-2))


class Network(nn.Module):
    """Cross-attention blocks with something non-linear in between."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(CrossAttention(INNER) for _ in range(3))

    def forward(self, features: Tensor, text: Tensor) -> Tensor:
        for block in self.blocks:
            features = functional.gelu(block(features, text))
        return features

    def weights(self) -> list[Weight]:
        return [
            Weight(name, {"k": "key", "v": "value"}[name.split("to_")[1][0]], parameter)
            for name, parameter in self.named_parameters()
            if "to_k" in name or "to_v" in name
        ]


def make_network() -> Network:
    torch.manual_seed(0)
    return Network().double()


def erase_concepts(weights: list[Weight], epochs: int) -> Operator:
    settings = EraseSettings(epochs=epochs)
    *_, last = iterate_erasure(accumulate_gram(weights), make_scene(width=WIDTH).texts, settings)
    return last.operator


@pytest.mark.parametrize("epochs", EPOCHS)
def test_a_network_of_cross_attention(epochs: int) -> None:
    original, edited = make_network(), make_network()
    operator = erase_concepts(original.weights(), epochs)
    with torch.no_grad():
        for weight in edited.weights():
            weight.matrix.copy_(operator.apply_to_weight(weight.matrix))
        features, text = randn(1, 2, 10, INNER), randn(2, 2, 6, WIDTH)
        result = edited(features, text)
        assert deviation(result, original(features, text)) > 0.01, "control: the edit shows"
        assert deviation(result, original(features, operator.apply_to_tokens(text))) < 1e-10


@pytest.mark.parametrize("epochs", EPOCHS)
def test_attention_as_torch_has_it(epochs: int) -> None:
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(INNER, HEADS, kdim=WIDTH, vdim=WIDTH, batch_first=True).double()
    key, value = attention.k_proj_weight, attention.v_proj_weight
    operator = erase_concepts([Weight("k", "key", key), Weight("v", "value", value)], epochs)
    features, text = randn(1, 2, 10, INNER), randn(2, 2, 6, WIDTH)
    with torch.no_grad():
        moved = operator.apply_to_tokens(text)
        plain, _ = attention(features, text, text)
        expected, _ = attention(features, moved, moved)
        for weight in (key, value):
            weight.copy_(operator.apply_to_weight(weight))
        result, _ = attention(features, text, text)
    assert deviation(result, plain) > 0.01, "control: the edit shows"
    assert deviation(result, expected) < 1e-10
