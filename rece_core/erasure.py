"""An erasure: the operator with all that is needed to understand, check and reuse it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .concepts import Concepts
from .erase import EpochRecord
from .fingerprint import Fingerprint, same_fingerprint
from .gram import Weight
from .operator import Operator
from .seal import Seal
from .settings import EraseSettings


@dataclass(frozen=True)
class Erasure:
    """What was erased onto what, how, on what, and how well.

    A text entry W becomes (I − s δ wᵀ) P W M: M the `operator`; P its rotation where `rotations` has its name, (d_out,
    d_out); δ and w its seal where `seals` has, at strength s of the settings. note: why an automatic schedule stopped
    where it did. encoder: fingerprint of the text encoder, which an erasure cannot do without. base: fingerprint of the
    model whose weights it was computed from; the first edit does not depend on it, all else does.
    """

    operator: Operator
    concepts: Concepts
    settings: EraseSettings
    records: tuple[EpochRecord, ...]
    encoder: Fingerprint
    base: Fingerprint
    rotations: Mapping[str, Tensor] = field(default_factory=dict)
    seals: Mapping[str, Seal] = field(default_factory=dict)
    note: str = ""

    def factors_for(self, weight: Weight) -> tuple[Tensor, Tensor] | None:
        """`up` (d_out, r) and `down` (r, d) with W' = W + up down; None where no form of low rank is known.

        In float32, or float64 for a float64 weight, on the weight's device.
        """
        if weight.name in self.rotations or 2 * self.operator.rank > self.operator.width:
            return None
        up, down = self.operator.factors_for(weight.matrix)
        if weight.name not in self.seals:
            return up, down
        seal = self.seals[weight.name]
        away, read = seal.change_of(weight.matrix, self.settings.seal)
        return torch.cat([up + away @ (seal.read.to(up).T @ up), away], 1), torch.cat([down, read])

    def change_of(self, weight: Weight) -> Tensor:
        """W' − W, (d_out, d), in float32, or float64 for a float64 weight, on the weight's device."""
        factors = self.factors_for(weight)
        if factors is not None:
            return factors[0] @ factors[1]
        change = self.operator.change_of(weight.matrix)
        wide = weight.matrix.to(change.dtype)
        edited = wide + change
        if weight.name in self.rotations:
            edited = self.rotations[weight.name].to(edited) @ edited
        if weight.name in self.seals:
            away, read = self.seals[weight.name].change_of(edited, self.settings.seal)
            edited = edited + away @ read
        return edited - wide

    def check_encoder(self, encoder: Fingerprint) -> None:
        """ValueError unless `encoder` is the fingerprint of the text encoder this erasure was made for."""
        if not same_fingerprint(self.encoder, encoder):
            raise ValueError(
                "this erasure was made for another text encoder, where the same words have other embeddings, so it "
                "would erase something else. Use the checkpoint family it was made with, or erase again on this one."
            )
