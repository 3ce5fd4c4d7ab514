"""How much memory an erasure, or a comparison of two models, takes at its peak: asked before the long work.

Nearly all of it are float64 matrices of the width d of a text squared (1.9 GB each for Flux.2, where d = 15360), and
float64 copies of the erased tokens. How many there are at once was counted on what is allocated, see
`tests/core/test_memory.py`, which keeps the numbers here true.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..models.text_entries import TextEntry
from ..models.weights import VALUE_ROLES
from ..storage.disk_space import describe_size
from .pipeline import Plan
from .settings import EraseSettings

# d × d matrices at the peak by mode, without value erasers and with them: where all text entries make values, and where
# some are keys, for which there is a second Gram matrix. The model's own and the prior are among them.
ALL_VALUES = {"paper": (6, 12), "prior": (7, 12), "strict": (17, 19), "orthogonal": (13, 13)}
WITH_KEYS = {"paper": (7, 16), "prior": (8, 16), "strict": (18, 20), "orthogonal": (20, 20)}
# What LAPACK itself allocates: eigenvalues of d × d take three more.
WORKSPACE = {"paper": 1, "prior": 1, "strict": 3, "orthogonal": 1}
# (n, d) matrices for n erased tokens: in any case, and for each epoch; and for n tokens of probes.
COPIES, COPIES_AN_EPOCH, COPIES_OF_PROBES = 14, 4, 2
# The same for the Gram matrices of an original and an edited model side by side and what is derived from them, see
# `accumulate_pair_grams`; and (d_out, d) ones of the highest weight, or then (n, d) ones for n tokens.
COMPARED = {"all values": 9, "with keys": 14}
COMPARED_TOKENS, COMPARED_WEIGHTS = 8, 3
NUMBER = 8  # bytes of a float64


def estimate_memory(plan: Plan) -> int:
    """Bytes that `plan` takes at its peak beside the model and the text encoder; an upper bound, by at most a half.

    Conditioning inputs are erased one after the other, with the priors of all of them in memory and the texts as they
    are encoded.
    """
    kept = sum(
        NUMBER * plan.widths[cond_input] ** 2 for cond_input, settings in plan.settings.items() if settings.needs_prior
    )
    texts = len(plan.texts.words) * sum(
        4 * plan.rows[cond_input] * plan.widths[cond_input] for cond_input in plan.settings
    )
    return kept + texts + max(_estimate_input(plan, *item) for item in plan.settings.items())


def require_memory(plan: Plan, available: int) -> None:
    """ValueError unless `plan` fits into `available` bytes: what it needs, and with which settings it would fit."""
    needed = estimate_memory(plan)
    if needed <= available:
        return
    widest = max(plan.settings, key=plan.widths.__getitem__)
    least = estimate_memory(replace(plan, settings=_make_small(plan.settings)))
    fix = f"; mode 'paper' with seal 0 and 0 epochs would need {describe_size(least)}" if least <= available else ""
    raise ValueError(_describe_lack("this erasure", needed, available, widest, plan.widths[widest]) + fix + ".")


def estimate_comparison(entries: Sequence[TextEntry], rows: int) -> int:
    """Bytes it takes to compare the text `entries` of two models for an input and derive `rows` tokens; as above."""
    width, height = entries[0].shape[1], max(entry.shape[0] for entry in entries)
    squares = COMPARED["all values" if _are_all_values(entries) else "with keys"]
    return NUMBER * width * (squares * width + max(COMPARED_TOKENS * rows, COMPARED_WEIGHTS * height))


def require_comparison(entries: Sequence[TextEntry], rows: int, available: int) -> None:
    """ValueError unless that fits into `available` bytes."""
    needed = estimate_comparison(entries, rows)
    if needed > available:
        cond_input, width = entries[0].cond_input, entries[0].shape[1]
        raise ValueError(_describe_lack("comparing these models", needed, available, cond_input, width) + ".")


def _describe_lack(work: str, needed: int, available: int, cond_input: str, width: int) -> str:
    return (
        f"{work} needs about {describe_size(needed)} of memory, but {describe_size(available)} are available: "
        f"the text of this model is {width} wide (conditioning input '{cond_input}'), and each matrix of that width "
        f"squared takes "
        f"{describe_size(NUMBER * width**2)}. Close what else takes memory, or use a machine with more"
    )


def _are_all_values(entries: Sequence[TextEntry]) -> bool:
    return all(entry.role in VALUE_ROLES for entry in entries)


def _estimate_input(plan: Plan, cond_input: str, settings: EraseSettings) -> int:
    entries, width, mode = plan.model.cond_inputs[cond_input], plan.widths[cond_input], settings.edit.mode
    counts = ALL_VALUES if _are_all_values(entries) else WITH_KEYS
    squares = counts[mode][settings.seal > 0] + WORKSPACE[mode] - settings.needs_prior  # counted with the others
    heights = [entry.shape[0] for entry in entries]
    copies = (COPIES + COPIES_AN_EPOCH * settings.epochs) * len(plan.texts.concepts.pairs)
    tokens = (copies + COPIES_OF_PROBES * len(plan.texts.probes)) * plan.rows[cond_input]
    # Orthogonal maps are kept in float32, and one at a time is solved for.
    turned = 4 * sum(rows**2 for rows in heights) + 6 * NUMBER * max(heights) ** 2 if mode == "orthogonal" else 0
    return NUMBER * width * (squares * width + tokens + max(heights)) + turned


def _make_small(settings: Mapping[str, EraseSettings]) -> dict[str, EraseSettings]:
    """Those that take least memory."""
    return {
        cond_input: replace(each, edit=replace(each.edit, mode="paper", free_share=None), seal=0.0, epochs=0)
        for cond_input, each in settings.items()
    }
