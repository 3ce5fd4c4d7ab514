"""What a family does to an embedding before its text entries read it. An operator is fitted to what comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class TextPreprocessor:
    """A step between a text encoder and the text entries that read its embedding; see `preprocess`.

    kind: `rms` (root mean square norm), `layer` (layer norm), `mlp` (two linear layers), `pool` (the mean put first,
    then positions added). weights: names of the model's weights it needs, in the order its kind reads them. eps: of a
    norm. source: the encoder's conditioning input that it is made from, where that is not the conditioning input's own
    name.
    """

    kind: str
    weights: tuple[str, ...]
    eps: float = 0.0
    source: str | None = None


def preprocess(preprocessor: TextPreprocessor, tokens: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
    """What the text entries read of `tokens` (n, d): (n, d'), or (n + 1, d) for `pool`, in the type of `tokens`.

    `weights`: at least those that `preprocessor.weights` names. Raises ValueError naming one that is missing.
    """
    missing = [name for name in preprocessor.weights if name not in weights]
    if missing:
        raise ValueError(
            f"the text passes {missing[0]} before this model's text entries read it, but that weight was not given. "
            f"Expected all of {', '.join(preprocessor.weights)}."
        )
    return KINDS[preprocessor.kind](
        tokens, [weights[name].to(tokens) for name in preprocessor.weights], preprocessor.eps
    )


def undo_preprocessing(preprocessor: TextPreprocessor, tokens: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
    """Embeddings (n, d) that come as close to `tokens` behind the preprocessor as any can; see `can_undo`.

    A norm gives every row the same size, so that of each row of `tokens` is lost: its direction comes back.
    """
    assert can_undo(preprocessor)
    (scale,) = (weights[name].to(tokens) for name in preprocessor.weights)
    return torch.where(scale == 0, 0, tokens / scale)


def can_undo(preprocessor: TextPreprocessor) -> bool:
    """Whether what comes behind the preprocessor says what came before it."""
    return preprocessor.kind == "rms" and preprocessor.source is None


def _normalise_rms(tokens: Tensor, weights: Sequence[Tensor], eps: float) -> Tensor:
    return functional.rms_norm(tokens, tokens.shape[-1:], weights[0], eps)


def _normalise_layer(tokens: Tensor, weights: Sequence[Tensor], eps: float) -> Tensor:
    return functional.layer_norm(tokens, tokens.shape[-1:], weights[0], weights[1], eps)


def _pass_mlp(tokens: Tensor, weights: Sequence[Tensor], eps: float) -> Tensor:
    hidden = functional.silu(functional.linear(tokens, weights[0], weights[1]))
    return functional.linear(hidden, weights[2], weights[3])


def _pool(tokens: Tensor, weights: Sequence[Tensor], eps: float) -> Tensor:
    positions = weights[0]
    tokens = tokens[: len(positions) - 1]
    return torch.cat([tokens.mean(0, keepdim=True), tokens]) + positions[: len(tokens) + 1]


KINDS: Mapping[str, Callable[[Tensor, Sequence[Tensor], float], Tensor]] = {
    "rms": _normalise_rms,
    "layer": _normalise_layer,
    "mlp": _pass_mlp,
    "pool": _pool,
}
