"""A model as an erasure needs to know it: which weights read which stream of the text, and how to read them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from ..algebra.gram import Weight
from ..texts.alignment import EncodedText
from .text_entries import Family, TextEntry, find_output
from .text_preprocessors import can_undo, preprocess, undo_preprocessing

TOKENS, POOLED = "tokens", "pooled"  # the stream that every model reads, and that of one embedding for a whole text

OnStep = Callable[[str], None]
Streams = Mapping[str, EncodedText]  # what a text encoder gives of a text, by stream
Readings = Mapping[str, tuple[EncodedText, ...]]  # what a model's text entries read of a text, by stream
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
    def streams(self) -> dict[str, tuple[TextEntry, ...]]:
        """The text entries by the stream that they read, tokens first."""
        names = sorted(self.family.streams, key=lambda stream: stream != TOKENS)
        return {name: tuple(entry for entry in self.family.entries if entry.stream == name) for name in names}

    def list_entries(self, streams: Iterable[str]) -> list[TextEntry]:
        """The text entries that read `streams`, stream by stream."""
        of_stream = self.streams
        return [entry for stream in streams for entry in of_stream[stream]]

    def list_sources(self, stream: str) -> tuple[str, ...]:
        """The streams of the text encoder that the entries of `stream` read something of, its own first."""
        return tuple(self._source(name) for name in self._joined(stream))

    def prepare_inputs(self, given: Streams) -> dict[str, tuple[EncodedText, ...]]:
        """Return, per stream, the embeddings that its layers receive after preprocessing of a text's `given` ones.

        A tuple, because where other embeddings join a stream its entries read their rows too; nothing for a stream
        that the encoder does not give. Raises ValueError where the model reads it in another width.
        """
        prepared = {}
        for stream, entries in self.streams.items():
            if self._source(stream) in given:
                texts = [self._pass(name, given) for name in self._joined(stream) if self._source(name) in given]
                for text in texts:
                    _check_width(stream, text, entries[0].shape[1])
                prepared[stream] = tuple(texts)
        return prepared

    def can_reach(self, stream: str) -> bool:
        """Whether an embedding of the text encoder can be chosen so that the entries of `stream` read a given one."""
        preprocessor = self.family.preprocessors.get(stream)
        return preprocessor is None or can_undo(preprocessor)

    def reach(self, stream: str, tokens: Tensor) -> Tensor:
        """What the text encoder would have to give, (n, d), for the entries of `stream` to read `tokens` (n, d)."""
        preprocessor = self.family.preprocessors.get(stream)
        return tokens if preprocessor is None else undo_preprocessing(preprocessor, tokens, self.preprocessor_weights)

    def check_value_erasure(self, stream: str) -> None:
        """ValueError where what makes values of `stream` has no bias to take what a value eraser puts back."""
        for entry in self.streams[stream]:
            if entry.role != "key":
                find_output(entry, self.shapes)

    def _joined(self, stream: str) -> tuple[str, ...]:
        """The stream itself, and those whose rows its entries read along with its own."""
        return (stream, *(name for name, other in self.family.joins.items() if other == stream))

    def _source(self, name: str) -> str:
        preprocessor = self.family.preprocessors.get(name)
        return name if preprocessor is None or preprocessor.source is None else preprocessor.source

    def _pass(self, name: str, given: Streams) -> EncodedText:
        text, preprocessor = given[self._source(name)], self.family.preprocessors.get(name)
        return (
            text
            if preprocessor is None
            else replace(text, tokens=preprocess(preprocessor, text.tokens, self.preprocessor_weights))
        )


def _check_width(stream: str, text: EncodedText, read: int) -> None:
    width = text.tokens.shape[1]
    if width != read:
        raise ValueError(
            f"in the stream '{stream}' the text encoder gives embeddings of width {width}, but the model reads width "
            f"{read}. Connect the CLIP that belongs to this model."
        )
