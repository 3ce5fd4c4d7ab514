"""How much memory an erasure, or a comparison of two models, takes: two coarse bounds, looked at before the long work.

Nearly all of it are float64 matrices of the width d of a text squared (1.9 GB each for Flux.2, where d = 15360), and
float64 copies of the tokens. `tests/core/test_memory.py` counts what is allocated, which lies between the bounds in
every mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..models.text_entries import TextEntry
from ..storage.disk_space import describe_size
from .pipeline import Plan

NUMBER = 8  # bytes of a float64
LEAST, MOST = 5, 24  # matrices (d, d) at the peak
# Matrices (n, d) for n tokens that are erased, at least and at most; and those that each cumulative epoch adds.
FEWEST_COPIES, MOST_COPIES = 8, 16
FEWEST_AN_EPOCH, MOST_AN_EPOCH = 2, 4


@dataclass(frozen=True)
class Memory:
    """What some work takes beside the model and the text encoder: at least and at most, in bytes.

    work: its name in a sentence. cond_input: the one whose text is widest, and its width.
    """

    work: str
    cond_input: str
    width: int
    least: int
    most: int

    def compare(self, available: int) -> str:
        """A warning where the work may take more than `available` bytes; ValueError where it takes more in any case."""
        if self.most <= available:
            return ""
        size = f"{describe_size(NUMBER * self.width**2)} for each of its matrices"
        told = (
            f"and {describe_size(available)} are available: the text of this model is {self.width} wide "
            f"(conditioning input '{self.cond_input}'), which makes {size}"
        )
        if self.least > available:
            raise ValueError(
                f"{self.work} needs at least {describe_size(self.least)} of memory, {told}. Close what else takes "
                "memory, or use a machine with more."
            )
        return (
            f"{self.work} may take up to {describe_size(self.most)} of memory, {told}. If it runs out, choose mode "
            "'prior' or 'paper' without value erasure, or close what else takes memory"
        )


def bound_erasure(plan: Plan) -> Memory:
    """What `plan` takes with all its epochs; inputs come one after the other, with texts and priors of all kept."""
    widths = plan.widths
    words, targets = len(plan.texts.words), len(plan.texts.concepts.pairs)
    encoded = words * sum(4 * plan.rows[each] * width for each, width in widths.items())
    priors = sum(NUMBER * width**2 for each, width in widths.items() if plan.settings[each].needs_prior)
    least, most = 0, 0
    for each, width in widths.items():
        settings, tokens = plan.settings[each], targets * plan.rows[each]
        heights = [entry.shape[0] for entry in plan.model.cond_inputs[each]]
        epochs = settings.epochs if settings.iteration == "cumulative" else 0
        few, many = FEWEST_COPIES + FEWEST_AN_EPOCH * epochs, MOST_COPIES + MOST_AN_EPOCH * epochs
        many += 2 * len(plan.texts.probes)
        # Orthogonal maps are kept in float32, and one at a time is solved for.
        orthogonal = settings.edit.mode == "orthogonal"
        turned = 4 * sum(rows**2 for rows in heights) + 6 * NUMBER * max(heights) ** 2 if orthogonal else 0
        least = max(least, NUMBER * width * (LEAST * width + few * tokens))
        most = max(most, NUMBER * width * (MOST * width + many * tokens + max(heights)) + turned)
    widest = max(widths, key=widths.__getitem__)
    return Memory("this erasure", widest, widths[widest], encoded + least, encoded + priors + most)


def bound_comparison(entries: Sequence[TextEntry], rows: int) -> Memory:
    """What it takes to compare the text `entries` of two models for an input and to derive `rows` tokens."""
    width, height = entries[0].shape[1], max(entry.shape[0] for entry in entries)
    square = NUMBER * width**2
    most = MOST * square + MOST_COPIES * NUMBER * width * (rows + height)
    return Memory("comparing these models", entries[0].cond_input, width, LEAST * square, most)
