"""The texts of a proof, multiplied by an operator M: where the text encoder gives them, or behind a preprocessor."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from run_model import PREFIX, CondInputs, relative
from torch import Tensor, nn

Operator = tuple[Tensor, Tensor]


def make_operator(cond_input: str, width: int) -> Operator:
    """left, right (width, 4) of M = I + left rightᵀ, far from I."""
    generator = torch.Generator().manual_seed(1 + sum(cond_input.encode()))
    left, right = (torch.randn(width, 4, generator=generator) for _ in range(2))
    return left / width**0.5, right / 2


def turn(tokens: Tensor, operator: Operator) -> Tensor:
    """M c for each row c of `tokens`."""
    left, right = operator
    return tokens + (tokens @ right) @ left.T


def turn_back(tokens: Tensor, operator: Operator) -> Tensor:
    """M⁻¹ c for each row c of `tokens`."""
    left, right = operator
    return tokens - torch.linalg.solve(torch.eye(left.shape[1]) + right.T @ left, right.T @ tokens.mT).mT @ left.T


@contextlib.contextmanager
def turn_behind_preprocessors(
    model: nn.Module, family: Any, operators: Mapping[str, Operator], weights: CondInputs
) -> Iterator[list[float]]:
    """While this is open, inputs with a preprocessor are multiplied after it by the operator of what reads them.

    Yields a list that fills with how far `preprocess` is from what the host's own modules give.
    """
    network, found = model.diffusion_model, []
    with contextlib.ExitStack() as turned:
        for cond_input, preprocessor in family.preprocessors.items():
            operator = operators[family.joins.get(cond_input, cond_input)]
            compare = _Comparison(preprocessor, weights, found)
            if preprocessor.kind == "pool":
                turned.enter_context(_turn_pooler(network.pooler, operator, compare))
            else:
                name = preprocessor.weights[0].removeprefix(PREFIX).rpartition(".")[0]
                module = network.get_submodule(name.removesuffix(".0") if preprocessor.kind == "mlp" else name)
                turned.enter_context(_turn_output(module, operator, compare))
        yield found


class _Comparison:
    """Adds to `found` how far the pack's `preprocessor` is from what the host's own gives."""

    def __init__(self, preprocessor: Any, weights: CondInputs, found: list[float]) -> None:
        self._preprocessor, self._found = preprocessor, found
        self._weights = {name: weights[name].clone() for name in preprocessor.weights}

    def __call__(self, given: Tensor, passed: Tensor) -> None:
        from rece_core.models.families import preprocess

        rows = given.reshape(-1, given.shape[-1])
        self._found.append(
            relative(preprocess(self._preprocessor, rows, self._weights), passed.reshape(-1, passed.shape[-1]))
        )


@contextlib.contextmanager
def _turn_output(module: nn.Module, operator: Operator, compare: _Comparison) -> Iterator[None]:
    def hook(_: nn.Module, given: tuple[Tensor, ...], passed: Tensor) -> Tensor:
        compare(given[0], passed)
        return turn(passed, operator)

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextlib.contextmanager
def _turn_pooler(pooler: nn.Module, operator: Operator, compare: _Comparison) -> Iterator[None]:
    """HunyuanDiT's pooler reads mean and rows with a position added to each: all linear, so M goes before both."""
    positions, rows = pooler.positional_embedding.clone(), []

    def turn_rows(_: nn.Module, given: tuple[Tensor]) -> tuple[Tensor]:
        rows[:] = given
        return (turn(given[0], operator),)

    def compare_rows(_: nn.Module, read: tuple[Tensor]) -> None:
        compare(rows[0], turn_back(read[0], operator))

    handles = [pooler.register_forward_pre_hook(turn_rows), pooler.k_proj.register_forward_pre_hook(compare_rows)]
    pooler.positional_embedding.copy_(turn(positions, operator))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        pooler.positional_embedding.copy_(positions)
