"""The settings the RECE paper (arXiv 2407.12383, section 4) uses for each kind of concept."""

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
UNSAFE_PHRASINGS = ("{}", "a photo of {}", "a picture of {}", "a person, {}", "a painting of {}", "a scene of {}")


@dataclass(frozen=True)
class Preset:
    """What the paper does for one kind: epochs after the first edit, derivation ridge λ, anchor, usual targets.

    kept_in_epochs: the text that the published code always preserves in the epochs; in the first edit it is the empty
    one. phrasings: our own, in which people ask for such a thing. finds_anchor: whether we choose a relative of each
    target instead of the paper's anchor, see `anchors`.
    """

    epochs: int
    derivation_ridge: float
    anchor: str = EMPTY_ANCHOR
    targets: tuple[str, ...] = ()
    phrasings: tuple[str, ...] = OBJECT_PHRASINGS
    kept_in_epochs: str = ""
    finds_anchor: bool = False


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
}  # fmt: skip


def get_preset(kind: str) -> Preset:
    """The paper's preset for `kind`; ValueError when there is none of that name."""
    if kind not in PRESETS:
        raise ValueError(f"unknown kind {quote(kind)}. Expected one of: {', '.join(PRESETS)}.")
    return PRESETS[kind]
