"""RECE Erase: RECE Concepts and RECE Iterate in one, with what most people need of them."""

from __future__ import annotations

from comfy_api.latest import io

from .concepts import ReceConcepts
from .iterate import ReceIterate
from .optional_widgets import optional_widgets
from .types import CATEGORY, clip_input, model_input

#: Inputs that are those of RECE Concepts.
TEXTS = ("kind", "targets", "default_anchor")


@optional_widgets
class ReceErase(io.ComfyNode):
    """Has no equation and no default of its own: the two nodes are run, all else as they show it at first."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        texts = {each.id: each for each in ReceConcepts.define_schema().inputs if each.id in TEXTS}
        texts["kind"].tooltip = (
            "What sort of thing it is. It chooses the words in which people ask for such a thing, and what to draw "
            "instead where you say nothing."
        )
        texts["default_anchor"].display_name = "draw instead"
        slider = next(each for each in ReceIterate.define_schema().inputs if each.id == "thoroughness")
        slider.display_name = "gentle to thorough"
        slider.tooltip = (
            "0: gentle, other prompts hardly change. 1: thorough, little of what was forgotten can be brought back. "
            "It is the thoroughness of RECE Iterate, and its carefulness is what is left to 1."
        )
        return io.Schema(
            node_id="ReceErase",
            display_name="RECE Erase",
            category=CATEGORY,
            description="Makes the model forget what you write, and draw something else instead. RECE Concepts and "
            "RECE Iterate in one node, all else as those show it at first.",
            is_output_node=True,  # as RECE Iterate
            inputs=[
                model_input(),
                clip_input(),
                *texts.values(),
                slider,
            ],
            outputs=ReceIterate.define_schema().outputs,
        )

    @classmethod
    def execute(cls, model, clip, thoroughness, **texts) -> io.NodeOutput:
        (concepts, _) = ReceConcepts.execute(**texts).result
        sliders = {"thoroughness": thoroughness, "carefulness": round(1 - thoroughness, 10)}
        return ReceIterate.execute(model=model, clip=clip, concepts=concepts, **sliders)
