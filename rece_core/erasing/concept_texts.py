"""The texts that an erasure has to encode, and what they are to one conditioning input once they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..models.text_model import TOKENS, Readings
from ..texts.alignment import EncodedText, average_texts
from ..texts.concepts import Concepts
from ..texts.prior import Prior
from .erase import EncodedConcepts


@dataclass(frozen=True)
class ConceptTexts:
    """Concepts with the texts around them. A text that says nothing is always preserved, as in the paper.

    probes: of those asked for, the ones that are neither target nor preserved.
    """

    concepts: Concepts
    preserved: tuple[str, ...]
    preserved_in_epochs: tuple[str, ...]
    probes: tuple[str, ...]

    @classmethod
    def of(cls, concepts: Concepts, probes: Sequence[str]) -> ConceptTexts:
        """The texts around `concepts`, with `probes` to measure drift on."""
        preserved = ("", *concepts.preserve)
        in_epochs = (concepts.kept_in_epochs, *concepts.preserve)
        taken = {*(pair.target for pair in concepts.pairs), *preserved, *in_epochs}
        return cls(concepts, preserved, in_epochs, tuple(probe for probe in probes if probe not in taken))

    @property
    def words(self) -> tuple[str, ...]:
        """All texts to encode, each once: many targets often share an anchor."""
        targets = [pair.target for pair in self.concepts.pairs]
        anchors = [anchor for pair in self.concepts.pairs for anchor in pair.anchors]
        return tuple(dict.fromkeys([*targets, *anchors, *self.preserved, *self.preserved_in_epochs, *self.probes]))

    def collect(self, cond_input: str, readings: Mapping[str, Readings], prior: Prior | None) -> EncodedConcepts:
        """The concepts in `cond_input`, given what is read of each of the words."""

        def read(text: str) -> tuple[EncodedText, ...]:
            return readings[text][cond_input]

        pairs = self.concepts.pairs
        targets = [text for pair in pairs for text in read(pair.target)]
        anchors = [
            average_texts(same)
            for pair in pairs
            for same in zip(*(read(anchor) for anchor in pair.anchors), strict=True)
        ]
        # An embedding has no words: it faces its anchor from the start on.
        embeddings = self.concepts.embeddings if cond_input == TOKENS else ()
        found = [EncodedText(f"embedding {n}", rows, 0) for n, rows in enumerate(embeddings, start=1)]
        later = None
        if self.preserved_in_epochs != self.preserved:
            later = tuple(text for word in self.preserved_in_epochs for text in read(word))
        plain = EncodedText(anchors[0].text, anchors[0].tokens, 0)
        return EncodedConcepts(
            targets=(*targets, *found),
            anchors=(*anchors, *(plain for _ in found)),
            preserved=tuple(text for word in self.preserved for text in read(word)),
            preserved_in_epochs=later,
            probes=tuple(text for word in self.probes for text in read(word)),
            exact=read(""),
            prior=prior,
            groups=(*(pair.concept for pair in pairs for _ in read(pair.target)), *(0 for _ in found)),
        )
