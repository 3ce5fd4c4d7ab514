"""Ways of prompting: what comes of an erasure in each, and why."""

from __future__ import annotations

from dataclasses import dataclass

from .files import CHECKPOINT, LORA, MEAN, SAME
from .scene import CIRCLE
from .wiring import (
    Wire,
    average,
    behind,
    brought_back,
    by_steps,
    combine,
    concatenate,
    conditioning,
    controlled,
    hooked,
    in_area,
    lora_before,
    lora_behind,
    merged,
    node,
    other_tokens,
    prompt,
    second_attention,
    skip_before_all,
    skip_before_erasing,
    skip_before_prompt,
)

HOLDS, IN_PART, NOT = "holds", "in part", "does not hold"
BY_TEXT = "the tokens are other numbers, read by the same erased weights"
EACH = "each text is drawn from by itself"
CHUNKS = "each chunk is encoded and read like any text"
PATCHED = "A node behind patches the attention to the text"
IN_PICTURE = "it changes how the picture attends to itself"
COMPILER = "a compiler"
FILLER = "please " * 74  # of one token each: what follows stands in the second chunk


@dataclass(frozen=True)
class Way:
    """A row of the table. `says`: what RECE Report says of it; `needs`: a node or tool that not all have."""

    name: str
    outcome: str
    reason: str
    wire: Wire
    says: str = ""
    needs: str = ""
    slow: bool = False


WAYS = (
    Way("as it is", HOLDS, "the words are those that were erased", prompt(CIRCLE)),
    Way("weight `(circle:1.4)`", HOLDS, BY_TEXT, prompt("a red (circle:1.4)")),
    Way("weight `(a red circle:2)`", HOLDS, BY_TEXT, prompt("(a red circle:2)")),
    Way("a weight below 0 beside it, `(blue:-1)`", HOLDS, BY_TEXT, prompt("a red circle (blue:-1)")),
    Way(
        "weight below 0 in the negative prompt, `(circle:-0.5)`", HOLDS, BY_TEXT, prompt(CIRCLE, "a red (circle:-0.5)")
    ),
    Way("two chunks of 75, in the second", HOLDS, CHUNKS, prompt(FILLER + CIRCLE)),
    Way("two chunks of 75, in both", HOLDS, CHUNKS, prompt(f"{CIRCLE}, " * 22)),
    Way("`BREAK`", HOLDS, "ComfyUI reads it as a word", prompt("a red thing BREAK a red circle")),
    Way("clip skip before RECE Iterate and the prompt", HOLDS, "what is erased is what is read", skip_before_all),
    Way(
        "clip skip before the prompt alone",
        HOLDS,
        "though the embeddings are not those that were erased: count on nothing",
        skip_before_prompt,
        says="Prompts of this CLIP are not what was erased",
    ),
    Way(
        "clip skip before RECE Iterate alone",
        HOLDS,
        "though the words were erased as another text encoder gives them: count on nothing",
        skip_before_erasing,
    ),
    Way("`embedding:name`, the word's own", HOLDS, BY_TEXT, prompt(f"a red embedding:{SAME}")),
    Way("`embedding:name`, the mean of four words", HOLDS, BY_TEXT, prompt(f"a red embedding:{MEAN}")),
    Way("ConditioningAverage, 0.7", HOLDS, "an average of texts is read by the same weights", conditioning(average)),
    Way("ConditioningConcat", HOLDS, "more tokens, each read by itself", conditioning(concatenate)),
    Way("ConditioningCombine", HOLDS, EACH, conditioning(combine)),
    Way("ConditioningSetArea", HOLDS, EACH, conditioning(in_area)),
    Way("ConditioningSetTimestepRange", HOLDS, "at each step the weights are the same", conditioning(by_steps)),
    Way(
        "Create Hook LoRA, scheduled",
        HOLDS,
        "the host adds it to the erased weights",
        conditioning(hooked("CreateHookLora", lora_name=LORA, strength_model=1.0, strength_clip=0.0)),
    ),
    Way(
        "Create Hook Model as LoRA, scheduled, the original's file",
        HOLDS,
        "the host adds how that file differs from the weights beneath the erasure: here not at all",
        conditioning(hooked("CreateHookModelAsLoraModelOnly", ckpt_name=CHECKPOINT, strength_model=1.0)),
    ),
    Way(
        "attention to a picture beside the text's, of no circle (IPAdapter)",
        HOLDS,
        "the text still passes the erased weights",
        second_attention(CIRCLE, "a red thing", 0.3),
        says=PATCHED,
    ),
    Way(
        "attention to a picture beside the text's, of a circle, strength 2, text “a red thing”",
        NOT,
        "the picture passes weights of its own, which were not erased",
        second_attention("a red thing", CIRCLE, 2.0),
        says=PATCHED,
    ),
    Way(
        "the same, at strength 1",
        IN_PART,
        "as above, and the text tells against it",
        second_attention("a red thing", CIRCLE, 1.0),
        says=PATCHED,
    ),
    Way(
        "other tokens to the model's attention (packs for regional prompts)",
        HOLDS,
        "they pass the erased weights",
        other_tokens,
        says=PATCHED,
    ),
    Way(
        "ControlNet",
        HOLDS,
        "it reads the text by weights of its own; one that was trained to draw the concept may bring it back",
        conditioning(controlled),
    ),
    Way(
        "ModelMergeSimple with the original, 0.5",
        NOT,
        "half of an erasure hides nothing",
        merged("ModelMergeSimple", ratio=0.5),
        says="holds this erasure in part, 50%",
    ),
    Way(
        "ModelMergeBlocks, the middle block of the original",
        NOT,
        "in this model that block decides on the shape, in another one others may",
        merged("ModelMergeBlocks", **{"input": 1.0, "middle": 0.0, "out": 1.0}),
        says="holds this erasure in part",
    ),
    Way(
        "ModelMergeBlocks, all other blocks of the original",
        HOLDS,
        "for the same reason: count on nothing",
        merged("ModelMergeBlocks", **{"input": 0.0, "middle": 1.0, "out": 0.0}),
        says="holds this erasure in part",
    ),
    Way(
        "a difference added that takes the erasure away",
        NOT,
        "the weights are those of the original again",
        behind(brought_back),
        says="A node behind took it out again",
    ),
    Way("a LoRA on MODEL and CLIP before RECE Iterate", HOLDS, "it is part of what is erased", lora_before),
    Way(
        "a LoRA on MODEL and CLIP behind",
        HOLDS,
        "while it changes little of what the words are; what it brings in was not erased",
        lora_behind,
        says="the text encoder gives embeddings about",
    ),
    Way("Perturbed-Attention Guidance", HOLDS, IN_PICTURE, node("PerturbedAttentionGuidance", scale=2.0)),
    Way("Self-Attention Guidance", HOLDS, IN_PICTURE, node("SelfAttentionGuidance", scale=0.5, blur_sigma=2.0)),
    Way(
        "Normalized Attention Guidance",
        HOLDS,
        "both prompts pass the erased weights",
        node("NAGuidance", nag_scale=5.0, nag_alpha=0.5, nag_tau=1.5),
        needs="NAGuidance",
    ),
    Way(
        "torch.compile (TorchCompileModel)",
        HOLDS,
        "the host puts patches into the weights before it compiles",
        node("TorchCompileModel", backend="inductor"),
        needs=COMPILER,
        slow=True,
    ),
)
