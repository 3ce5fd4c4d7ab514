"""What to erase onto what, and what to keep: texts as people type them, parsed, expanded and checked."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal

from torch import Tensor

from ..storage.json_text import is_whole

ARROW = "=>"
EMPTY_ANCHOR = " "  # the paper's anchor for unsafe concepts and objects: one space, which says nothing
AS_TYPED = "{}"  # the phrasing that adds no words
# Of all names and their anchors in all phrasings: more would take minutes before anything is encoded.
MOST_TEXTS, MOST_LETTERS = 250_000, 10_000_000
MOST_IN_TEXT = 5_000  # letters of one, more than any text encoder reads
_PIECES, _WORD = re.compile(r"\w+|\W"), re.compile(r"\w")
_COMMA = re.compile(r"(?<!\\),")  # '\,' is a comma that belongs to the text


@dataclass(frozen=True)
class Concept:
    """What to forget, by all its `names` (synonyms), and the `anchors` it shall act like: the mean of several.

    Without anchors it is still open what it shall act like, see `anchors`.
    """

    names: tuple[str, ...]
    anchors: tuple[str, ...]

    def describe(self) -> str:
        """As a user would write it."""
        names, anchors = (", ".join(text.replace(",", r"\,") for text in texts) for texts in (self.names, self.anchors))
        if not self.anchors:
            return f"{names} {ARROW} (something close, chosen when it is erased)"
        return f"{names} {ARROW} {anchors if anchors.strip() else '(one space)'}"


@dataclass(frozen=True)
class Pair:
    """One text to forget, the same phrasing of each anchor, and the index of the concept that both belong to."""

    target: str
    anchors: tuple[str, ...]
    concept: int


@dataclass(frozen=True)
class Concepts:
    """Concepts, the texts to keep, and the kind that names the paper's preset for them.

    phrasings: sentences with `{}` where a name goes; each name is erased in each of them, onto its anchors in the same.
    captions: everyday texts that make the preserve prior; none for those that ship.
    embeddings: further embeddings to forget, (n, d) each, such as a red team finds; onto the anchors of the first
    concept. kept_in_epochs: the text that says nothing, as it is preserved in the epochs; in the first edit it is the
    empty one.
    """

    kind: str
    concepts: tuple[Concept, ...]
    preserve: tuple[str, ...] = ()
    phrasings: tuple[str, ...] = (AS_TYPED,)
    captions: tuple[str, ...] = ()
    embeddings: tuple[Tensor, ...] = field(default=(), compare=False)
    kept_in_epochs: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        _check_phrasings(self.phrasings)
        _check_size(self)
        for problem in _find_problems(self.concepts, self.preserve, self.phrasings, [0] * len(self.concepts)):
            raise ValueError(problem.message)

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Every name in every phrasing."""
        return tuple(
            Pair(_phrase(phrasing, name), tuple(_phrase(phrasing, anchor) for anchor in concept.anchors), index)
            for index, concept in enumerate(self.concepts)
            for name in concept.names
            for phrasing in self.phrasings
        )

    def describe(self) -> str:
        """One line a concept, as a user would write them, and what was added to them."""
        lines = [concept.describe() for concept in self.concepts]
        if self.phrasings != (AS_TYPED,):
            lines.append(f"each as: {'; '.join(phrasing.replace(AS_TYPED, '…') for phrasing in self.phrasings)}")
        if self.embeddings:
            lines.append(f"embeddings: {len(self.embeddings)}")
        return "\n".join(lines)

    def summarize(self) -> str:
        """The first concept and how many more there are."""
        first, *more = self.concepts
        return f"{first.describe()} and {len(more)} more" if more else first.describe()


@dataclass(frozen=True)
class Problem:
    """A mistake in what somebody typed: its `code`, by which the page finds its own words, and the engine's `message`.

    line: of the targets, from 1, or 0 where it is in none of them; text: what it is about; count: the tokens of `text`
    where they are too many.
    """

    code: Literal["noTarget", "noName", "anchorIsTarget", "twice", "preservedToo", "tooLong"]
    message: str
    line: int = 0
    text: str = ""
    count: int = 0


@dataclass(frozen=True)
class Reading:
    """Texts as they were read, and every mistake in them.

    lines: where in the targets each of the `concepts` is, from 1, or 0 for those that the kind brings along.
    """

    concepts: tuple[Concept, ...]
    lines: tuple[int, ...]
    preserve: tuple[str, ...]
    phrasings: tuple[str, ...]
    problems: tuple[Problem, ...]

    def to_concepts(self, kind: str, captions: Sequence[str] = (), embeddings: Sequence[Tensor] = ()) -> Concepts:
        """The same for erasing; ValueError with the first of the problems, if there is one."""
        for problem in self.problems:
            raise ValueError(problem.message)
        return Concepts(kind, self.concepts, self.preserve, self.phrasings, tuple(captions), tuple(embeddings))

    def suggest(self, neighbours: Sequence[str]) -> list[str]:
        """Those of the `neighbours` that are not preserved yet and name none of the targets or anchors."""
        kept = {text.casefold() for text in self.preserve}
        named = [Concept((*concept.names, *concept.anchors), ()) for concept in self.concepts]
        return [text for text in drop_named(neighbours, named) if text.casefold() not in kept]

    def list_texts(self) -> list[str]:
        """Every text whose tokens `find_too_long` needs, once each."""
        named = [text for concept in self.concepts for text in (*concept.names, *concept.anchors)]
        return list(dict.fromkeys([*named, *self.preserve, *map(_take_name_out, self.phrasings)]))

    def find_too_long(self, tokens: Mapping[str, int], limit: int) -> list[Problem]:
        """Texts above `limit` tokens, of which a phrasing adds its own; `tokens` has those of each text."""
        added = max(tokens[_take_name_out(phrasing)] for phrasing in self.phrasings)
        counted = [
            *(
                (line, text, tokens[text] + added)
                for line, concept in zip(self.lines, self.concepts, strict=True)
                for text in (*concept.names, *concept.anchors)
            ),
            *((0, text, tokens[text]) for text in self.preserve),
        ]
        told = "{!r} takes {} tokens with its phrasing; expected at most {}. Shorten it."
        return [
            Problem("tooLong", told.format(text, count, limit), line, text, count)
            for line, text, count in counted
            if count > limit
        ]


def parse_concepts(
    kind: str,
    targets: str,
    default_anchor: str = EMPTY_ANCHOR,
    preserve: str = "",
    phrasings: Sequence[str] = (AS_TYPED,),
    captions: Sequence[str] = (),
    embeddings: Sequence[Tensor] = (),
) -> Concepts:
    """Read concepts as a user types them, see `read_concepts`.

    Raises ValueError for no target, a line without a target, a target twice, an anchor equal to its target, a target
    that is also preserved, and a phrasing without its place for the name.
    """
    return read_concepts(targets, default_anchor, preserve, phrasings).to_concepts(kind, captions, embeddings)


def read_concepts(
    targets: str,
    default_anchor: str = EMPTY_ANCHOR,
    preserve: str = "",
    phrasings: Sequence[str] = (AS_TYPED,),
    usual_targets: Sequence[str] = (),
) -> Reading:
    """Read concepts as a user types them, mistakes included.

    `targets` holds a concept a line, as `name, synonym => anchor, anchor`; without an arrow it is mapped onto
    `default_anchor`, or stays open where that is empty; nothing behind the arrow means one space. `preserve` holds a
    text a line. Blank lines are skipped; `\\,` is a comma within a text. `usual_targets` stand in where no target is
    written.

    Raises ValueError for a phrasing without its place for the name.
    """
    typed = enumerate(targets.splitlines(), start=1) if targets.strip() else ((0, line) for line in usual_targets)
    concepts: list[Concept] = []
    lines: list[int] = []
    problems: list[Problem] = []
    default = _split(default_anchor) or (EMPTY_ANCHOR,)  # one for all: a copy a line could be more than memory holds
    for number, line in typed:
        if not line.strip():
            continue
        names, arrow, anchors = line.partition(ARROW)
        if _split(names):
            is_open = not arrow and not default_anchor
            onto = () if is_open else _split(anchors) or (EMPTY_ANCHOR,) if arrow else default
            concepts.append(Concept(_split(names), onto))
            lines.append(number)
        else:
            message = (
                f"line {number} of the targets, {line.strip()!r}, has no target before '{ARROW}'. "
                f"Write 'target {ARROW} anchor', or delete the line."
            )
            problems.append(Problem("noName", message, number))
    kept = tuple(_tidy(line) for line in preserve.splitlines() if line.strip())
    if concepts or not problems:
        problems += _find_problems(concepts, kept, phrasings, lines)
    return Reading(tuple(concepts), tuple(lines), kept, tuple(phrasings), tuple(problems))


def drop_named(captions: Sequence[str], concepts: Sequence[Concept]) -> tuple[str, ...]:
    """The `captions` that name none of the `concepts`, whole words compared without case."""
    names: dict[int, set[str]] = {}  # by the number of their pieces: a look-up each, however many names there are
    for concept in concepts:
        for name in concept.names:
            text = name.casefold()
            names.setdefault(len(_PIECES.findall(text)), set()).add(text)
    return tuple(caption for caption in captions if not _holds_name(caption, names))


def _holds_name(caption: str, names: Mapping[int, Collection[str]]) -> bool:
    """Whether one of `names` stands in `caption`, not as a part of a longer word."""
    text = caption.casefold()
    ends = [0, *(match.end() for match in _PIECES.finditer(text))]
    for length, texts in names.items():
        for start, stop in zip(ends, ends[length:], strict=False):
            if text[start:stop] in texts and not (_is_word(text, start - 1) or _is_word(text, stop)):
                return True
    return False


def _is_word(text: str, place: int) -> bool:
    """Whether there is a letter or digit at `place`."""
    return 0 <= place < len(text) and _WORD.match(text, place) is not None


def _find_problems(
    concepts: Sequence[Concept], preserve: Sequence[str], phrasings: Sequence[str], lines: Sequence[int]
) -> Iterator[Problem]:
    _check_phrasings(phrasings)
    if not concepts:
        message = (
            "no target was given. Write at least one, a line each, as 'target' or 'target => anchor', "
            "for example 'van gogh => art'."
        )
        yield Problem("noTarget", message)
    folded: dict[int, set[str]] = {}  # by whose anchors they are: many concepts may share theirs
    for concept in concepts:
        if id(concept.anchors) not in folded:
            folded[id(concept.anchors)] = {anchor.casefold() for anchor in concept.anchors}
    names = [
        (line, name, folded[id(concept.anchors)])
        for line, concept in zip(lines, concepts, strict=True)
        for name in concept.names
    ]
    for line, name, anchors in names:
        if name.casefold() in anchors:
            message = (
                f"the anchor of {name!r} equals its target, so nothing would be erased. "
                "Choose an anchor that shows something else, or leave it out for the default."
            )
            yield Problem("anchorIsTarget", message, line, name)
    kept = {text.casefold() for text in preserve}
    seen: set[str] = set()
    for line, name, _ in names:
        found: dict[str, Problem] = {}  # each mistake once, in whatever phrasings it is
        for target in (_phrase(phrasing, name) for phrasing in phrasings):
            if target.casefold() in seen:
                message = f"the target {target!r} is listed twice. Remove one of them."
                found.setdefault("twice", Problem("twice", message, line, name))
            if target.casefold() in kept:
                message = (
                    f"the target {target!r} is also in the list to preserve, which asks for both to forget and to "
                    "keep it. Remove it from one of the two lists."
                )
                found.setdefault("preservedToo", Problem("preservedToo", message, line, name))
            seen.add(target.casefold())
        yield from found.values()


def _check_phrasings(phrasings: Sequence[str]) -> None:
    if not phrasings:
        raise ValueError(f"no phrasing was given; expected at least one, such as {AS_TYPED!r}, the name alone.")
    for phrasing in phrasings:
        if phrasing.count(AS_TYPED) != 1:
            raise ValueError(
                f"the phrasing {phrasing[:60]!r} has {phrasing.count(AS_TYPED)} places {AS_TYPED!r} for the name; "
                "expected one, as in 'a photo of {}'."
            )


def _check_size(concepts: Concepts) -> None:
    """ValueError for more texts than any model could be made to forget, counted before they are written out."""
    names = [name for concept in concepts.concepts for name in concept.names]
    shared = {id(concept.anchors): concept.anchors for concept in concepts.concepts}  # each once, whoever has it
    lengths = {key: sum(map(len, anchors)) for key, anchors in shared.items()}
    anchors = chain.from_iterable(shared.values())
    for text in (*names, *anchors, *concepts.preserve, *concepts.phrasings, *concepts.captions):
        if len(text) > MOST_IN_TEXT:
            raise ValueError(
                f"the text {text[:40]!r}… has {len(text):,} letters; expected at most {MOST_IN_TEXT:,}, more than any "
                "text encoder reads. Write one text a line."
            )
        if not is_whole(text):
            raise ValueError(f"the text {text[:40]!r} holds half a character; expected whole Unicode text.")
    for texts_to_keep, what in ((concepts.preserve, "preserved texts"), (concepts.captions, "captions")):
        if len(texts_to_keep) > MOST_TEXTS:
            raise ValueError(
                f"there are {len(texts_to_keep):,} {what}; expected at most {MOST_TEXTS:,}. Leave some out."
            )
    if not all(name.strip() for name in names):
        raise ValueError("a target is empty; expected a text. Write 'target => anchor', or delete the line.")
    phrased = len(concepts.phrasings)
    extra = sum(map(len, concepts.phrasings))
    texts = letters = 0
    for concept in concepts.concepts:
        count = len(concept.names) * (1 + len(concept.anchors))  # each name has all anchors of its own
        sizes = sum(map(len, concept.names)) + len(concept.names) * lengths[id(concept.anchors)]
        texts += phrased * count
        letters += phrased * sizes + count * extra
    if texts > MOST_TEXTS or letters > MOST_LETTERS:
        raise ValueError(
            f"{len(names):,} names with their anchors in {phrased:,} phrasings make {texts:,} texts of {letters:,} "
            f"letters; expected at most {MOST_TEXTS:,} and {MOST_LETTERS:,}. Erase them in parts."
        )


def _phrase(phrasing: str, name: str) -> str:
    return name if phrasing == AS_TYPED else _tidy(phrasing.replace(AS_TYPED, name))


def _take_name_out(phrasing: str) -> str:
    return _tidy(phrasing.replace(AS_TYPED, " "))


def _split(texts: str) -> tuple[str, ...]:
    parts = (_tidy(part.replace(r"\,", ",")) for part in _COMMA.split(texts))
    return tuple(part for part in parts if part)


def _tidy(text: str) -> str:
    return " ".join(text.split())
