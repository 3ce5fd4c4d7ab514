"""An erasure: the operator with all that is needed to understand, check and reuse it."""

from __future__ import annotations

from dataclasses import dataclass

from .concepts import Concepts
from .erase import EpochRecord
from .fingerprint import Fingerprint, same_fingerprint
from .operator import Operator
from .settings import EraseSettings


@dataclass(frozen=True)
class Erasure:
    """What was erased onto what, how, on what, and how well.

    encoder: fingerprint of the text encoder, which an erasure cannot do without. base: fingerprint of the model whose
    weights it was computed from; the first edit does not depend on it, the epochs do.
    """

    operator: Operator
    concepts: Concepts
    settings: EraseSettings
    records: tuple[EpochRecord, ...]
    encoder: Fingerprint
    base: Fingerprint

    def check_encoder(self, encoder: Fingerprint) -> None:
        """ValueError unless `encoder` is the fingerprint of the text encoder this erasure was made for."""
        if not same_fingerprint(self.encoder, encoder):
            raise ValueError(
                "this erasure was made for another text encoder, where the same words have other embeddings, so it "
                "would erase something else. Use the checkpoint family it was made with, or erase again on this one."
            )
