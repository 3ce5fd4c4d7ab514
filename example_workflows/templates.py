"""Which workflows the page offers, under which titles and in which order, and what their pictures show.

The page shows of a pack's templates the file's name, as title and as description, in every language the same, and keeps
no order but the alphabet's, if any. So the name says what it does, with a number before it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.graph import Graph

from . import own, small


@dataclass(frozen=True)
class Template:
    """A workflow: its file's name, how it is built, what the emoji model forgets for its picture, and two prompts."""

    name: str
    build: Callable[[], Graph]
    targets: str
    prompts: tuple[str, str]

    @property
    def runs_anywhere(self) -> bool:
        """Whether it needs nothing but the models that ship."""
        return self.build.__module__ == small.__name__


TEMPLATES = (
    Template("01 First try, a pizza becomes a taco", small.first_try, "pizza => taco", ("a pizza", "a dog")),
    Template(
        "02 Erase several things at once", small.erase_several, "rose => tulip\nlion => tiger", ("a rose", "a lion")
    ),
    Template("03 Save the erased model", small.save_a_checkpoint, "guitar => violin", ("a guitar", "a rocket")),
    Template("04 SD1, forget an artist", own.artistic_style, "ghost => robot", ("a ghost", "a house")),
    Template("05 SDXL, forget a character", own.sdxl, "snowman => robot", ("a snowman", "a fox")),
    Template("06 Flux, forget a character", own.flux, "fox => dog", ("a fox", "a turtle")),
    Template("07 Z-Image, forget a character", own.z_image, "snake => frog", ("a snake", "a whale")),
    Template("08 Report, and many prompts compared", small.report_and_compare, "cat => dog", ("a cat", "a lion")),
    Template("09 See what a first edit leaves", small.see_what_is_left, "banana => pear", ("a banana", "an umbrella")),
    Template("10 Red team, attack what forgot", small.red_team, "crown => tulip", ("a crown", "a violin")),
    Template("11 Audit a checkpoint of others", own.audit_a_checkpoint, "turtle => frog", ("a turtle", "a violin")),
    Template("12 Count a table of prompts", small.count_a_table, "hamburger => sandwich", ("a hamburger", "a ship")),
    Template("13 The table I2P of the papers", own.i2p_table, "rocket => airplane", ("a rocket", "a banana")),
)
