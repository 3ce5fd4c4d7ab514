"""RECE Concepts: what to erase onto what, and what to keep."""

from __future__ import annotations

from pathlib import Path

import folder_paths
from comfy_api.latest import io

from ..rece_core.erasing.schedule import resolve_concepts
from ..rece_core.storage.text_file import read_lenient
from ..rece_core.texts.presets import PRESETS
from ..rece_core.texts.prior import parse_captions
from ..rece_core.texts.wording import count, quote
from .host import show_on_node
from .optional_widgets import optional_widgets
from .types import CATEGORY, ConceptsType, fold_inputs

AS_IS, BY_KIND = "as typed", "by kind"
EVERYDAY = "everyday captions"

#: All that most people need; the page folds the rest away.
BASIC = ("kind", "targets", "default_anchor", "preserve")


@optional_widgets
class ReceConcepts(io.ComfyNode):
    """Parses and checks texts; loads nothing."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="ReceConcepts",
            display_name="RECE Concepts",
            category=CATEGORY,
            description="What a model shall forget, what it shall draw instead, and what it shall keep.",
            inputs=[
                io.Combo.Input(
                    "kind",
                    options=list(PRESETS),
                    default="custom",
                    tooltip="What sort of concept this is. It chooses the words in which people ask for such a thing, "
                    "the default anchor, and the epochs and ridge that RECE Iterate takes from the paper. 'gore', "
                    "'weapons' and 'watermark' bring their own targets; these and 'artist', 'character or brand' and "
                    "'celebrity' preserve what is close where you write nothing to preserve.",
                ),
                io.String.Input(
                    "targets",
                    multiline=True,
                    default="",
                    placeholder="van gogh, vincent van gogh => art\nsnoopy => dog, cat",
                    tooltip="What to forget, a concept a line: 'name', 'name => anchor' to say what it shall act like "
                    "instead, 'name, synonym => anchor, anchor' for several names and the mean of several anchors; "
                    "write '\\,' for a comma within a text. Left empty, kinds 'nudity' and 'unsafe' use the paper's "
                    "own lists, 'gore', 'weapons' and 'watermark' lists of ours. At most 75 tokens a text with CLIP.",
                ),
                io.String.Input(
                    "default_anchor",
                    default="",
                    tooltip="What targets without an anchor of their own shall act like. Left empty: 'art' for styles, "
                    "one space (nothing in particular) for nudity and unsafe, for all else a relative of each target "
                    "that the text encoder finds, which the report names. A concrete sibling, such as 'dog' for "
                    "'snoopy', forgets better than a vague word.",
                ),
                io.String.Input(
                    "preserve",
                    multiline=True,
                    default="",
                    placeholder="a dog\na cartoon",
                    tooltip="What must stay as it is, one text a line; the empty text always does. Name what is close "
                    "to the target. The more, the less collateral damage; the cost does not grow.",
                ),
                io.Combo.Input(
                    "phrasings",
                    options=[AS_IS, BY_KIND],
                    default=BY_KIND,
                    tooltip=f"'{AS_IS}': each name as it is written, as in the paper. '{BY_KIND}': also as people ask "
                    "for such a thing ('a photo of a …', 'in the style of …'), each onto its anchor in the same words.",
                ),
                io.Combo.Input(
                    "captions",
                    options=[EVERYDAY, *_list_text_files()],
                    default=EVERYDAY,
                    tooltip="What the modes other than 'paper' protect beside the preserved texts: the everyday "
                    "captions that ship, or a text file of your own in the input folder, a caption a line. Captions "
                    "that name a target are left out.",
                ),
                io.Conditioning.Input(
                    "embeddings",
                    optional=True,
                    tooltip="Embeddings to erase too, onto the anchor of the first concept: what RECE Red Team or RECE "
                    "Derive Embedding still found.",
                ),
            ],
            outputs=[
                ConceptsType.Output(display_name="concepts", tooltip="For RECE Edit Model and RECE Iterate."),
                io.Int.Output(display_name="texts", tooltip="How many texts will be erased."),
            ],
        )
        return fold_inputs(schema, shown=BASIC)

    @classmethod
    def execute(cls, kind, targets, default_anchor, preserve, phrasings, captions, embeddings=None) -> io.NodeOutput:
        concepts = resolve_concepts(
            kind,
            targets,
            default_anchor,
            preserve,
            by_kind=phrasings == BY_KIND,
            captions=() if captions == EVERYDAY else _read_captions(captions),
            embeddings=[rows for tokens, _ in embeddings or () for rows in tokens],
        )
        texts = len(concepts.pairs)
        parts = {"concept": len(concepts.concepts), "text": texts, "embedding": len(concepts.embeddings)}
        counted = [count(number, noun) for noun, number in parts.items() if number]
        return io.NodeOutput(concepts, texts, ui=show_on_node(f"{', '.join(counted)} to erase"))

    @classmethod
    def fingerprint_inputs(cls, captions=EVERYDAY, **others) -> float:
        """Read again when the file was replaced."""
        return 0.0 if captions == EVERYDAY else _locate(captions).stat().st_mtime


def _list_text_files() -> list[str]:
    folder = Path(folder_paths.get_input_directory())
    return sorted(path.name for path in folder.glob("*.txt")) if folder.is_dir() else []


def _locate(name: str) -> Path:
    path = Path(folder_paths.get_input_directory()) / name
    if Path(name).name != name or not path.is_file():
        raise ValueError(f"there is no file {quote(name)} in the input folder; expected a text file, a caption a line.")
    return path


def _read_captions(name: str) -> tuple[str, ...]:
    captions = parse_captions(read_lenient(_locate(name)))
    if not captions:
        raise ValueError(f"the file {quote(name)} holds no caption; expected at least one, a line each.")
    return captions
