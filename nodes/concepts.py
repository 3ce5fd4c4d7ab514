"""RECE Concepts: what to erase onto what, and what to keep."""

from __future__ import annotations

from comfy_api.latest import io

from ..rece_core.concepts import parse_concepts
from ..rece_core.presets import PRESETS, get_preset
from .types import CATEGORY, ConceptsType


class ReceConcepts(io.ComfyNode):
    """Parses and checks texts; loads nothing."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ReceConcepts",
            display_name="RECE Concepts",
            category=CATEGORY,
            description="What a model shall forget, what it shall draw instead, and what it shall keep.",
            inputs=[
                io.Combo.Input(
                    "kind",
                    options=list(PRESETS),
                    default="custom",
                    tooltip="What sort of concept this is. It chooses the default anchor, and the epochs and ridge "
                    "that RECE Iterate takes from the paper.",
                ),
                io.String.Input(
                    "targets",
                    multiline=True,
                    default="",
                    placeholder="van gogh => art\nsnoopy => dog",
                    tooltip="What to forget, one a line: 'target', or 'target => anchor' to say what it shall act like "
                    "instead. List synonyms and phrasings too. Left empty, kinds 'nudity' and 'unsafe' use the paper's "
                    "own lists. At most 75 tokens a line.",
                ),
                io.String.Input(
                    "default_anchor",
                    default="",
                    tooltip="What targets without an anchor of their own shall act like. Left empty: 'art' for styles, "
                    "one space (nothing in particular) for all else. A concrete sibling, such as 'dog' for 'snoopy', "
                    "forgets better than a vague word.",
                ),
                io.String.Input(
                    "preserve",
                    multiline=True,
                    default="",
                    placeholder="a dog\na cartoon",
                    tooltip="What must stay as it is, one text a line; the empty text always does. Name what is close "
                    "to the target. The more, the less collateral damage; the cost does not grow.",
                ),
            ],
            outputs=[ConceptsType.Output(display_name="concepts", tooltip="For RECE Edit Model and RECE Iterate.")],
        )

    @classmethod
    def execute(cls, kind: str, targets: str, default_anchor: str, preserve: str) -> io.NodeOutput:
        preset = get_preset(kind)
        targets = targets if targets.strip() else "\n".join(preset.targets)
        return io.NodeOutput(parse_concepts(kind, targets, default_anchor or preset.anchor, preserve))
