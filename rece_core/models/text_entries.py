"""Which weights of a model read the text: its text entries, by the table of `families` or by the user's patterns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import translate

from .families import LAYOUTS, READ_PICTURES, Layout, Reader, TextPreprocessor

Shapes = Mapping[str, tuple[int, ...]]

PREFIXES = ("model.diffusion_model.", "diffusion_model.")  # in checkpoints, and in the host's models
INPUT_NAME = re.compile(r"[a-z][a-z0-9_.]*")
# What is behind the attention that reads a value projection, by the end of their names.
OUTPUTS = {"to_v.weight": "to_out.0.", "to_v.0.weight": "to_out.0.", "v_proj.weight": "output_proj."}
MOST_LINES, MOST_IN_LINE = 1_000, 500  # of patterns, and letters of one
MOST_DIGITS = 9  # of a layer's number
MOST_ROWS = 1 << 17  # of a text entry
KEYS = ("to_k.weight", "to_k.0.weight", "k_proj.weight")


@dataclass(frozen=True)
class TextEntry:
    """A weight that reads the text: its name in the model, its role, and what of it reads which conditioning input.

    role: `key` or `value` of cross-attention, or `input`, a linear layer that all of the text passes on its way in.
    shape: (rows, width) of the part that reads the conditioning input. columns: (start, stop) of that part, where the
    stored weight reads something else too, else None.
    """

    name: str
    role: str
    shape: tuple[int, int]
    cond_input: str = "tokens"
    columns: tuple[int, int] | None = None


@dataclass(frozen=True)
class Family:
    """A family as found in a model, all names as in that model.

    entries: in the model's order. preprocessors: by conditioning input, what happens to it before its entries read it.
    joins: conditioning inputs whose rows, after preprocessing, are read by the entries of another conditioning input
    along with its own.
    """

    name: str
    entries: tuple[TextEntry, ...]
    preprocessors: Mapping[str, TextPreprocessor] = field(default_factory=dict)
    joins: Mapping[str, str] = field(default_factory=dict)

    @property
    def cond_inputs(self) -> tuple[str, ...]:
        """The conditioning inputs that the entries read, in their order."""
        return tuple(dict.fromkeys(entry.cond_input for entry in self.entries))


def find_family(shapes: Shapes, patterns: str = "", host_class: str = "") -> Family:
    """The family of a model whose weights have these names and shapes, other parts of a checkpoint ignored.

    `patterns`: the user's own choice of weights instead, a line each: a name, `*` for any characters, and the
    conditioning input after ` @ ` where that is not `tokens`. `host_class`: what the host calls the model, where there
    is one.

    Raises ValueError when the family is unknown or can't be edited, when a pattern finds nothing, or when weights that
    read one conditioning input differ in width.
    """
    prefix = next((prefix for prefix in PREFIXES if any(name.startswith(prefix) for name in shapes)), "")
    own = {name.removeprefix(prefix): shape for name, shape in shapes.items() if name.startswith(prefix)}
    if patterns.strip():
        family = Family("chosen weights", _order(_find_chosen(patterns, own), own))
    else:
        family = _resolve(_find_layout(own, host_class), own)
    _check_entries(family)
    _check_widths(family.entries)
    preprocessors = {
        cond_input: replace(preprocessor, weights=tuple(prefix + name for name in preprocessor.weights))
        for cond_input, preprocessor in family.preprocessors.items()
    }
    entries = tuple(replace(entry, name=prefix + entry.name) for entry in family.entries)
    return replace(family, entries=entries, preprocessors=preprocessors)


def find_output(entry: TextEntry, shapes: Shapes) -> tuple[str | None, str]:
    """Where the constant of a value eraser on `entry` goes: the name of a bias, and of the weight before that.

    For a value projection those behind its attention; for an `input` its own bias, and None, as nothing is between.
    Raises ValueError where there is no such bias.
    """
    if entry.role == "value":
        end = next((end for end in OUTPUTS if entry.name.endswith(end)), "weight")
        weight, bias = (entry.name.removesuffix(end) + OUTPUTS.get(end, "") + part for part in ("weight", "bias"))
    else:
        weight, bias = None, entry.name.removesuffix("weight") + "bias"
    if bias not in shapes or (weight is not None and weight not in shapes):
        place = "behind" if weight else "beside"
        raise ValueError(
            f"value erasure needs a bias {place} {entry.name} to put back what texts have in common, but this model "
            f"has no {bias}. Set seal to 0."
        )
    return weight, bias


def check_output(entry: TextEntry, shapes: Shapes) -> None:
    """ValueError unless what `find_output` finds for `entry` takes its values; the same as that raises, too."""
    weight, bias = find_output(entry, shapes)
    rows = entry.shape[0] if weight is None else next(iter(shapes[weight]), 0)
    if shapes[bias] != (rows,) or (weight is not None and shapes[weight] != (rows, entry.shape[0])):
        found = f"{weight} has {shapes[weight]}, " if weight else ""
        raise ValueError(
            f"{entry.name} has {entry.shape[0]} rows, but {found}{bias} has the shape {shapes[bias]}; expected one "
            "that fits behind it. The model is damaged: use a whole one."
        )


def _find_layout(own: Shapes, host_class: str) -> Layout:
    if host_class in READ_PICTURES:
        raise ValueError(
            f"{host_class} can't be edited: it reads a picture where others read a text. Use another model."
        )
    for layout in LAYOUTS:
        if all(any(map(re.compile(mark).fullmatch, own)) for mark in layout.marks) and _has_width(layout, own):
            if layout.refusal:
                raise ValueError(f"{layout.name} can't be edited: {layout.refusal}. Use a model of another family.")
            return layout
    layers = sorted({name.rsplit(".", 2)[-2] for name in own if "." in name})
    shown = ", ".join(name[:40] for name in layers[:12])
    raise ValueError(
        f"this model{f', {host_class},' if host_class else ''} is of no family known here: its {len(own)} weights hold "
        "none of those that read the text in a known one (its layers are named "
        f"{shown or 'nothing'}{', …' if len(layers) > 12 else ''}). Use one of another family, or say "
        "which weights read the text: a line each, such as 'txt_in.weight' or '*.attn2.to_k.weight', and ' @ pooled' "
        "after one that reads the pooled embedding."
    )


def _has_width(layout: Layout, own: Shapes) -> bool:
    return layout.width is None or layout.width in {entry.shape[1] for entry in _find_read(layout.readers[0], own)}


def _resolve(layout: Layout, own: Shapes) -> Family:
    entries = [entry for reader in layout.readers for entry in _find_read(reader, own)]
    preprocessors = {
        cond_input: preprocessor
        for cond_input, preprocessor in layout.preprocessors
        if all(name in own for name in preprocessor.weights)
    }
    return Family(layout.name, _order(entries, own), preprocessors, dict(layout.joins))


def _find_read(reader: Reader, own: Shapes) -> Iterator[TextEntry]:
    """What `reader` matches, by name, with as many columns as it says."""
    found = [(match, own[match.string]) for match in map(re.compile(reader.pattern).fullmatch, own) if match]
    for match, shape in found:
        if (
            len(shape) != 2
            or 0 in shape
            or reader.total not in (None, shape[1])
            or (reader.oblong and shape[0] == shape[1])
        ):
            continue
        start, stop = reader.columns or (0, shape[1])
        cond_input = (
            reader.name_input(int(match["index"][:MOST_DIGITS]), len(found)) if reader.name_input else reader.cond_input
        )
        yield TextEntry(match.string, reader.role, (shape[0], stop - start), cond_input, reader.columns)


def _find_chosen(patterns: str, own: Shapes) -> Iterator[TextEntry]:
    named: dict[str, str] = {}
    lines = list(dict.fromkeys(filter(None, map(str.strip, patterns.splitlines()))))
    if len(lines) > MOST_LINES or max(map(len, lines)) > MOST_IN_LINE:
        raise ValueError(
            f"{len(lines):,} lines of at most {max(map(len, lines)):,} letters name the weights; expected at most "
            f"{MOST_LINES:,} of {MOST_IN_LINE}. Name many weights by one line with '*' in it."
        )
    matrices = [name for name, shape in own.items() if len(shape) == 2 and 0 not in shape]
    for line in lines:
        pattern, _, cond_input = (part.strip() for part in line.partition("@"))
        cond_input = cond_input or "tokens"
        if not INPUT_NAME.fullmatch(cond_input):
            raise ValueError(
                f"{line!r} names the conditioning input {cond_input!r}; expected one word, such as tokens or pooled."
            )
        pattern = pattern.removeprefix(next((each for each in PREFIXES if pattern.startswith(each)), ""))
        matches = re.compile(translate(pattern)).match
        names = [name for name in matrices if matches(name)]
        if not names:
            near = ", ".join([name[:80] for name in own if name.endswith(".weight")][:4]) or "none"
            raise ValueError(
                f"no matrix of this model is named {pattern!r}. Expected a name among its {len(own)} weights "
                f"({near}, …), '*' standing for any characters."
            )
        for name in names:
            if named.setdefault(name, cond_input) != cond_input:
                raise ValueError(
                    f"{name} is named for two conditioning inputs, {named[name]} and {cond_input}; expected one, "
                    f"since one operator "
                    "goes into all of a weight. Leave it out of one of the two lines."
                )
    for name, cond_input in named.items():
        yield TextEntry(name, _guess_role(name), (own[name][0], own[name][1]), cond_input)


def _guess_role(name: str) -> str:
    return "value" if name.endswith(tuple(OUTPUTS)) else "key" if name.endswith(KEYS) else "input"


def _order(entries: Iterable[TextEntry], own: Shapes) -> tuple[TextEntry, ...]:
    """In the model's order, each weight once, as the first to name it says."""
    found: dict[str, TextEntry] = {}
    for entry in entries:
        found.setdefault(entry.name, entry)
    return tuple(found[name] for name in own if name in found)


def _check_entries(family: Family) -> None:
    if not family.entries:
        raise ValueError(
            f"this model is named like one of the family '{family.name}', but the weights that read its text are not "
            "matrices that do. It is damaged or quantised: use a whole one in fp32, fp16, bf16 or fp8."
        )
    for entry in family.entries:
        if entry.shape[0] > MOST_ROWS:
            raise ValueError(
                f"{entry.name} has {entry.shape[0]:,} rows; expected at most {MOST_ROWS:,}, several times what any "
                "model has. The file is damaged: get it again."
            )


def _check_widths(entries: tuple[TextEntry, ...]) -> None:
    widths: dict[str, set[int]] = {}
    for entry in entries:
        widths.setdefault(entry.cond_input, set()).add(entry.shape[1])
    for cond_input, found in widths.items():
        if len(found) > 1:
            raise ValueError(
                f"the weights that read the conditioning input {cond_input!r} have several widths, {sorted(found)}; "
                f"expected one. "
                "Name a conditioning input for each width, or leave out the weights that do not read the text."
            )
