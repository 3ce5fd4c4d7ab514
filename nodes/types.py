"""The pack's own types on the wires, and inputs that several nodes share."""

from __future__ import annotations

from collections.abc import Collection

from comfy_api.latest import io

from ..rece_core.erasing.settings import AUTO, MODES, RIDGE_SCALES, TOKEN_CHOICES, EditSettings, EraseSettings

CATEGORY = "RECE"

ConceptsType = io.Custom("RECE_CONCEPTS")
ErasureType = io.Custom("RECE_ERASURE")
CaseType = io.Custom("RECE_CASE")
CountsType = io.Custom("RECE_COUNTS")


def list_lines(text: str) -> list[str]:
    """What a user wrote one a line, without blank lines."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def fold_inputs(schema: io.Schema, shown: Collection[str]) -> io.Schema:
    """The schema, all widgets but those `shown` marked as advanced: the page folds them away until they are asked for.

    By the options that the page reads, because the inputs of ComfyUI 0.3.75 don't take the mark themselves.
    """
    for each in schema.inputs:
        if isinstance(each, io.WidgetInput) and each.id not in shown:
            each.extra_dict["advanced"] = True
    return schema


def model_input() -> io.Input:
    """The model to erase from."""
    return io.Model.Input(
        "model",
        tooltip="The model to erase from. LoRAs loaded before this node are erased too; those after it are not.",
    )


def clip_input() -> io.Input:
    """The model's text encoder."""
    return io.Clip.Input("clip", tooltip="The text encoder that belongs to the model. It is read, not changed.")


def erase_inputs() -> list[io.Input]:
    """What the nodes that erase need: a model, its text encoder, concepts."""
    return [
        model_input(),
        clip_input(),
        ConceptsType.Input("concepts", tooltip="What to forget and what to keep, from RECE Concepts."),
    ]


def erase_outputs() -> list[io.Output]:
    """What the nodes that erase give."""
    return [
        io.Model.Output(display_name="model", tooltip="The erased model; the one that came in is untouched."),
        ErasureType.Output(display_name="erasure", tooltip="For RECE Save Erasure and RECE Apply Erasure."),
    ]


def edit_inputs() -> list[io.Input]:
    """Inputs of one edit, for the nodes that make edits."""
    return [
        io.Float.Input(
            "erase_scale",
            default=1.0,
            min=0.01,
            max=100.0,
            step=0.01,
            tooltip="Weight s of the concept's tokens. Higher: forgets harder, moves more of everything else. "
            "Lower: gentler. The paper uses 1.",
        ),
        io.Float.Input(
            "preserve_scale",
            default=0.1,
            min=0.0,
            max=100.0,
            step=0.01,
            tooltip="Weight λ₁ of the preserved texts. Higher: they stay closer to what they were, and the concept may "
            "be forgotten less. 0: nothing is preserved. The paper uses 0.1.",
        ),
        io.Float.Input(
            "edit_ridge",
            default=0.1,
            min=0.0,
            max=1000.0,
            step=0.0001,
            round=0.0000001,
            tooltip="Ridge λ₂, the pull of every edit towards no change. Higher: gentler and harder to undo. "
            "Lower: more thorough, more collateral damage. The paper uses 0.1.",
        ),
        io.Combo.Input(
            "tokens",
            options=list(TOKEN_CHOICES),
            default=TOKEN_CHOICES[0],
            tooltip="Which tokens of a concept are moved onto its anchor's. 'from subject' (the paper): from the last "
            "word on, padding included. 'all': every position. 'last': only the last word, the gentlest.",
        ),
        ridge_scale_input(),
    ]


def protection_inputs() -> list[io.Input]:
    """How everything else is protected, and whether values are erased, for the nodes that erase."""
    edit, erase = EditSettings(), EraseSettings()
    return [
        io.Combo.Input(
            "mode",
            options=list(MODES),
            default="prior",
            tooltip="What protects all that is not erased. 'paper': the preserved texts alone. 'prior': everyday "
            "captions too. 'strict': as 'prior', and the edit reads nothing along the directions that hold most of "
            "what is preserved. 'orthogonal': turns the output of each weight instead of the text; slower, and not "
            "to be carried to other checkpoints.",
        ),
        io.Float.Input(
            "prior_scale",
            default=edit.prior_scale,
            min=0.0,
            max=1000.0,
            step=0.1,
            tooltip="Weight of the everyday captions in modes 'prior' and 'strict', an average token of theirs against "
            "one of the concept's. Higher: less moves, and less is forgotten. 0: none.",
        ),
        io.Float.Input(
            "free_share",
            default=0.0,
            min=0.0,
            max=1.0,
            step=0.0001,
            round=0.0000001,
            tooltip="Mode 'strict': how much of what is preserved the edit may still read. Lower: stricter, and the "
            "concept may be forgotten less. 0: the strictest that still forgets is chosen.",
        ),
        io.Float.Input(
            "seal",
            display_name="value erasure",
            default=1.0,
            min=0.0,
            max=1.0,
            step=0.05,
            tooltip="Takes what tells the concept from its anchor out of what the layers can produce, whatever the "
            "embedding. Higher: harder to bring back by optimised embeddings. 0: off.",
        ),
        io.Float.Input(
            "seal_caution",
            display_name="spare captions",
            default=erase.seal_caution,
            min=0.0,
            max=0.999,
            step=0.001,
            round=0.0001,
            tooltip="How much the value erasure spares what everyday captions look like (1 less its shrinkage). "
            "Higher: less collateral damage, and more ways around it. Has no effect with value erasure 0.",
        ),
    ]


def pooled_input() -> io.Input:
    """Whether the pooled embedding is erased too; the last of a node's inputs."""
    return io.Boolean.Input(
        "pooled",
        default=True,
        optional=True,
        tooltip="Closes the second path too: models such as SDXL, SD3 and Flux also read one pooled embedding of the "
        "whole text. On: the concept is erased from it as well. Off: it still says what the prompt said. Has no effect "
        "on models without one (SD 1.x, SD 2.x).",
    )


def text_weights_input() -> io.Input:
    """Which weights read the text, for models of no known family; the last of a node's inputs."""
    return io.String.Input(
        "text_weights",
        multiline=True,
        default="",
        optional=True,
        placeholder="txt_in.weight\nvector_in.in_layer.weight @ pooled",
        # No at sign in it: the page would take it for a link to another of its texts.
        tooltip="Left empty: the weights that read the text are found by the model's family. For a model of no known "
        "family: their names, one a line, '*' for any characters, and those that read the pooled embedding marked as "
        "in the example.",
    )


def ridge_scale_input() -> io.Input:
    """How ridges are read."""
    return io.Combo.Input(
        "ridge_scale",
        options=[AUTO, *RIDGE_SCALES],
        default=AUTO,
        tooltip="'absolute': ridges as in the paper, made for embeddings of mean square 1 (SD 1.x). 'relative': ridges "
        "times the size of this encoder's embeddings and this model's weights. 'auto': absolute where embeddings are "
        "of about that size, relative elsewhere (SD 2.x, SDXL), for each embedding that the model reads.",
    )


def derivation_ridge_input() -> io.Input:
    """λ of the derivation."""
    return io.Float.Input(
        "derivation_ridge",
        default=0.1,
        min=0.0,
        max=1000.0,
        step=0.0001,
        round=0.0000001,
        tooltip="Ridge λ of the derivation. Higher: the derived embedding stays small and ordinary. Lower: it reaches "
        "further for what is left of the concept. The paper uses 0.1 for nudity and easy objects, 0.001 for styles and "
        "hard objects.",
    )
