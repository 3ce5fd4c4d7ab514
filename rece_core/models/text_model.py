"""A model as an erasure needs to know it: which weights read which conditioning input, and how to read them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from ..progress import OnStep
from ..texts.alignment import EncodedText
from .families import can_undo, preprocess, undo_preprocessing
from .text_entries import Family, TextEntry, find_output
from .weights import Weight

TOKENS, POOLED = (
    "tokens",
    "pooled",
)  # the conditioning input that every model reads, and that of one embedding for a whole text

CondInputs = Mapping[str, EncodedText]  # what a text encoder gives of a text, by conditioning input
PreparedInputs = Mapping[
    str, tuple[EncodedText, ...]
]  # what a model's text entries read of a text, by conditioning input
ReadEntries = Callable[[Sequence[TextEntry], OnStep], Iterable[Weight]]


@dataclass(frozen=True)
class TextModel:
    """A model as its text entries, and the weights before and behind them.

    shapes: of all its weights, by name. read: the original weights of some text entries, one at a time, calling back
    with the name of each step before it. preprocessor_weights: those that the family's preprocessors need, by name.
    """

    family: Family
    shapes: Mapping[str, tuple[int, ...]]
    read: ReadEntries
    preprocessor_weights: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def cond_inputs(self) -> dict[str, tuple[TextEntry, ...]]:
        """The text entries by the conditioning input that they read, tokens first."""
        names = sorted(self.family.cond_inputs, key=lambda cond_input: cond_input != TOKENS)
        return {name: tuple(entry for entry in self.family.entries if entry.cond_input == name) for name in names}

    def list_entries(self, cond_inputs: Iterable[str]) -> list[TextEntry]:
        """The text entries that read `cond_inputs`, conditioning input by conditioning input."""
        by_input = self.cond_inputs
        return [entry for cond_input in cond_inputs for entry in by_input[cond_input]]

    def list_sources(self, cond_input: str) -> tuple[str, ...]:
        """The conditioning inputs encoder that the entries of `cond_input` read something of, its own first."""
        return tuple(self._source(name) for name in self._joined(cond_input))

    def prepare_inputs(self, given: CondInputs) -> dict[str, tuple[EncodedText, ...]]:
        """Return, per conditioning input, the embeddings that its layers receive after preprocessing.

        A tuple, because where other embeddings join a conditioning input its entries read their rows too; nothing for a
        conditioning input that the encoder does not give. Raises ValueError where the model reads it in another width.
        """
        prepared = {}
        for cond_input, entries in self.cond_inputs.items():
            if self._source(cond_input) in given:
                texts = [self._pass(name, given) for name in self._joined(cond_input) if self._source(name) in given]
                for text in texts:
                    _check_width(cond_input, text, entries[0].shape[1])
                prepared[cond_input] = tuple(texts)
        return prepared

    def can_reach(self, cond_input: str) -> bool:
        """Whether the text encoder's embedding can be chosen so that the entries of `cond_input` read a given one."""
        preprocessor = self.family.preprocessors.get(cond_input)
        return preprocessor is None or can_undo(preprocessor)

    def reach(self, cond_input: str, tokens: Tensor) -> Tensor:
        """What the text encoder would have to give, (n, d), for the entries of `cond_input` to read `tokens` (n, d)."""
        preprocessor = self.family.preprocessors.get(cond_input)
        return tokens if preprocessor is None else undo_preprocessing(preprocessor, tokens, self.preprocessor_weights)

    def check_value_erasure(self, cond_input: str) -> None:
        """ValueError where what makes values of `cond_input` has no bias to take what a value eraser puts back."""
        for entry in self.cond_inputs[cond_input]:
            if entry.role != "key":
                find_output(entry, self.shapes)

    def _joined(self, cond_input: str) -> tuple[str, ...]:
        """The conditioning input itself, and those whose rows its entries read along with its own."""
        return (cond_input, *(name for name, other in self.family.joins.items() if other == cond_input))

    def _source(self, name: str) -> str:
        preprocessor = self.family.preprocessors.get(name)
        return name if preprocessor is None or preprocessor.source is None else preprocessor.source

    def _pass(self, name: str, given: CondInputs) -> EncodedText:
        text, preprocessor = given[self._source(name)], self.family.preprocessors.get(name)
        return (
            text
            if preprocessor is None
            else replace(text, tokens=preprocess(preprocessor, text.tokens, self.preprocessor_weights))
        )


def _check_width(cond_input: str, text: EncodedText, read: int) -> None:
    width = text.tokens.shape[1]
    if width != read:
        raise ValueError(
            f"in the conditioning input '{cond_input}' the text encoder gives embeddings of width {width}, but the "
            f"model reads width "
            f"{read}. Connect the CLIP that belongs to this model."
        )
