"""Kinds of concepts: with the settings that the RECE paper (arXiv 2407.12383, section 4) uses, and kinds of our own."""

from __future__ import annotations

from dataclasses import dataclass

from .concepts import EMPTY_ANCHOR
from .wording import quote

UNSAFE_CONCEPTS = (
    "hate", "harassment", "violence", "suffering", "humiliation", "harm",
    "suicide", "sexual", "nudity", "bodily fluids", "blood",
)  # fmt: skip

# Everyday texts that no one erases: how far these move is the default measure of collateral damage.
PROBES = (
    "a photo of a cat", "a house by the sea", "a bowl of fruit on a table", "a portrait of an old man",
    "a red car in the street", "mountains at sunset", "a watercolour of flowers", "people walking in a park",
)  # fmt: skip


OBJECT_PHRASINGS = ("{}", "a {}", "a photo of a {}", "a picture of {}", "a drawing of a {}", "one {}")
STYLE_PHRASINGS = ("{}", "a painting by {}", "in the style of {}", "art by {}", "a picture in {} style", "{} painting")
PERSON_PHRASINGS = (
    "{}", "a photo of {}", "a portrait of {}", "{} on a red carpet", "a painting of {}", "a film still of {}",
)  # fmt: skip
BRAND_PHRASINGS = ("{}", "a {}", "a drawing of {}", "a {} toy", "{} logo", "a t-shirt with {}")
MARK_PHRASINGS = ("{}", "a {}", "a photo with a {}", "an image with {}", "a painting with a {}", "{} in the corner")
UNSAFE_PHRASINGS = ("{}", "a photo of {}", "a picture of {}", "a person, {}", "a painting of {}", "a scene of {}")


@dataclass(frozen=True)
class Preset:
    """What one kind does: epochs and derivation ridge λ of schedule `paper`, anchor, usual targets.

    targets: lines as users write them, see `read_concepts`. kept_in_epochs: the text that the published code always
    preserves in the epochs; in the first edit it is the empty one. phrasings: our own, in which people ask for such a
    thing. finds_anchor: whether we choose a relative of each target instead of the paper's anchor, see `anchors`.
    from_paper: else all of it is ours, and its NEIGHBOURS are preserved where nothing is written to preserve.
    """

    epochs: int
    derivation_ridge: float
    anchor: str = EMPTY_ANCHOR
    targets: tuple[str, ...] = ()
    phrasings: tuple[str, ...] = OBJECT_PHRASINGS
    kept_in_epochs: str = ""
    finds_anchor: bool = False
    from_paper: bool = True


PRESETS: dict[str, Preset] = {
    "nudity": Preset(
        epochs=3, derivation_ridge=1e-1, targets=("nudity",), phrasings=UNSAFE_PHRASINGS, kept_in_epochs=" "
    ),
    "unsafe": Preset(
        epochs=2, derivation_ridge=1e-1, targets=UNSAFE_CONCEPTS, phrasings=UNSAFE_PHRASINGS, kept_in_epochs=" "
    ),
    "style": Preset(epochs=1, derivation_ridge=1e-3, anchor="art", phrasings=STYLE_PHRASINGS),
    "hard object": Preset(epochs=1, derivation_ridge=1e-3, finds_anchor=True),
    "easy object": Preset(epochs=1, derivation_ridge=1e-1, finds_anchor=True),
    # The paper has no such kind; these are its object settings for a concept of unknown difficulty.
    "custom": Preset(epochs=1, derivation_ridge=1e-1, finds_anchor=True),
    "gore": Preset(
        epochs=3,
        derivation_ridge=1e-1,
        targets=(
            "gore, gory scene => a calm scene",
            "blood, bleeding, blood splatter => clear water",
            "open wound, injury => healthy skin",
            "corpse, dead body, mutilated body => a sleeping person",
            "severed limb, decapitation, dismemberment => a marble statue",
            "guts, intestines, exposed organs => a bowl of fruit",
        ),
        phrasings=UNSAFE_PHRASINGS,
        from_paper=False,
    ),
    "weapons": Preset(
        epochs=1,
        derivation_ridge=1e-1,
        targets=(
            "gun, handgun, pistol, revolver => hair dryer",
            "rifle, assault rifle, machine gun, shotgun => guitar",
            "sword, dagger, combat knife => umbrella",
            "bomb, grenade, explosives => ball",
        ),
        from_paper=False,
    ),
    "artist": Preset(
        epochs=1, derivation_ridge=1e-3, anchor="an unknown artist", phrasings=STYLE_PHRASINGS, from_paper=False
    ),
    "character or brand": Preset(
        epochs=1, derivation_ridge=1e-1, phrasings=BRAND_PHRASINGS, finds_anchor=True, from_paper=False
    ),
    "celebrity": Preset(
        epochs=1, derivation_ridge=1e-1, anchor="a person", phrasings=PERSON_PHRASINGS, from_paper=False
    ),
    "watermark": Preset(
        epochs=1,
        derivation_ridge=1e-1,
        targets=(
            "watermark, watermarks, stock photo watermark => plain background",
            "signature, artist signature => plain background",
            "copyright notice, text overlay => plain background",
        ),
        phrasings=MARK_PHRASINGS,
        from_paper=False,
    ),
}

_OBJECTS = (
    "cassette player", "chain saw", "church", "English springer", "French horn",
    "garbage truck", "gas pump", "golf ball", "parachute", "tench",
)  # fmt: skip

# Close to what targets of a kind are, so the first to suffer; ours, suggested to preserve.
NEIGHBOURS: dict[str, tuple[str, ...]] = {
    "nudity": (
        "a person", "a woman in a dress", "a man in a suit", "a portrait", "people on a beach", "a marble statue",
    ),
    "unsafe": ("a person", "people in a city", "a doctor at work", "a family at dinner", "a film scene", "red roses"),
    "style": ("Claude Monet", "Pablo Picasso", "Rembrandt", "Katsushika Hokusai", "Andy Warhol", "Caravaggio"),
    "hard object": _OBJECTS,
    "easy object": _OBJECTS,
    "custom": ("a person", "a dog", "a house", "a tree", "a car", "a flower"),
    "gore": ("red roses", "a doctor at work", "raw meat", "ketchup", "a person in bed", "a red car"),
    "weapons": ("a kitchen knife", "a power drill", "a camera", "a fishing rod", "a police officer", "a toy"),
    "artist": ("Claude Monet", "Pablo Picasso", "Rembrandt", "Katsushika Hokusai", "Andy Warhol", "Caravaggio"),
    "character or brand": ("a cartoon character", "a toy", "a logo", "a t-shirt", "a mouse", "a soft drink"),
    "celebrity": ("a man", "a woman", "a portrait", "an actor on a stage", "a crowd", "a singer"),
    "watermark": ("handwriting", "a street sign", "a book cover", "a letter", "a poster", "a newspaper"),
}  # fmt: skip


def get_preset(kind: str) -> Preset:
    """The preset of `kind`; ValueError when there is none of that name."""
    if kind not in PRESETS:
        raise ValueError(f"unknown kind {quote(kind)}. Expected one of: {', '.join(PRESETS)}.")
    return PRESETS[kind]
