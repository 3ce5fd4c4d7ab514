"""The RECE loop (arXiv 2407.12383, algorithm 1): edit, then derive and edit again, epoch by epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .alignment import EncodedText, align, stack_tokens
from .derive import Derivation, scaled_derivation_ridge
from .edit import scaled_ridge, solve_edit
from .gram import Gram, PairGram
from .measures import measure_drift, measure_forgotten, measure_norm_ratio, measure_recoverable
from .operator import Operator
from .settings import EraseSettings

OnStep = Callable[[str], None]


@dataclass(frozen=True)
class EncodedConcepts:
    """Concepts as the model reads them.

    targets, anchors: one anchor a target. preserved: texts kept in the first edit. preserved_in_epochs: texts kept in
    every epoch after it, by default the same. probes: benign texts to measure drift on, none of them preserved.
    """

    targets: tuple[EncodedText, ...]
    anchors: tuple[EncodedText, ...]
    preserved: tuple[EncodedText, ...] = ()
    preserved_in_epochs: tuple[EncodedText, ...] | None = None
    probes: tuple[EncodedText, ...] = ()

    def __post_init__(self) -> None:
        if not self.targets or len(self.targets) != len(self.anchors):
            raise ValueError(
                f"{len(self.targets)} targets and {len(self.anchors)} anchors were given; "
                "expected at least one target and an anchor for each."
            )


@dataclass(frozen=True)
class EpochRecord:
    """The measures after one edit; epoch 0 is the first edit. See `measures`; seconds are wall-clock."""

    epoch: int
    forgotten: float
    recoverable: float
    norm_ratio: float
    drift: float
    rank: int
    condition: float
    seconds: float


@dataclass(frozen=True)
class EpochResult:
    """Where the loop stands after one edit.

    operator: M of everything so far, against the original weights. derived: for each target the embedding (n, d)
    float64 that brings it back from these weights as well as any can, which the next epoch will edit away.
    """

    record: EpochRecord
    operator: Operator
    derived: tuple[Tensor, ...]


def iterate_erasure(
    gram: Gram, texts: EncodedConcepts, settings: EraseSettings, on_step: OnStep = lambda step: None
) -> Iterator[EpochResult]:
    """Erase `texts` from a model of Gram matrix `gram`, yielding a result after the first edit and after each epoch.

    Costs d × d algebra only. `on_step` is called before each step with its name; an exception raised there (or simply
    not asking for the next result) cancels with nothing changed, since no caller's tensor is ever written to.

    Raises ValueError when text embeddings and weights differ in width or a system is singular.
    """
    task = _Task(gram, texts, settings)
    operator = Operator.identity(gram.width)
    derived: tuple[Tensor, ...] = ()
    for epoch in range(settings.epochs + 1):
        start = time.perf_counter()
        stage = f"epoch {epoch}" if epoch else "first edit"
        on_step(stage)
        operator = task.edit(operator, derived)
        pair = PairGram.from_operator(gram.total, operator)
        derivation = Derivation(pair, task.derivation_ridge)
        derived = tuple(_derive_each(derivation, texts, stage, on_step))
        record = task.measure(epoch, operator, pair, derived, start)
        yield EpochResult(record, operator, derived)


def count_steps(targets: int, settings: EraseSettings) -> int:
    """How often `iterate_erasure` calls `on_step` for that many targets, for a progress bar."""
    return (settings.epochs + 1) * (1 + targets)


def _derive_each(derivation: Derivation, texts: EncodedConcepts, stage: str, on_step: OnStep) -> Iterator[Tensor]:
    for target in texts.targets:
        on_step(f"{stage}: derive '{target.text}'")
        yield derivation.derive(target.tokens)


class _Task:
    """What stays the same over the epochs: aligned tokens, preserved tokens, absolute ridges."""

    def __init__(self, gram: Gram, texts: EncodedConcepts, settings: EraseSettings) -> None:
        later = texts.preserved if texts.preserved_in_epochs is None else texts.preserved_in_epochs
        for text in (*texts.targets, *texts.anchors, *texts.preserved, *later, *texts.probes):
            if text.tokens.shape[1] != gram.width:
                raise ValueError(
                    f"the text encoder gives embeddings of width {text.tokens.shape[1]}, but the model reads width "
                    f"{gram.width}. Connect the CLIP that belongs to this model."
                )
        self.gram, self.settings = gram, settings
        device = gram.total.device
        self.targets, self.anchors = texts.targets, texts.anchors
        self.sources, self.goals = self.align(texts.targets)
        self.preserved = _token_gram(texts.preserved, gram)
        self.preserved_in_epochs = self.preserved if later is texts.preserved else _token_gram(later, gram)
        self.probes = stack_tokens(texts.probes, gram.width).to(device)
        self.edit_settings = scaled_ridge(settings.edit, self.sources)
        self.derivation_ridge = scaled_derivation_ridge(
            settings.derivation_ridge, gram.total, settings.edit.ridge_scale
        )
        self.found: list[tuple[Tensor, Tensor]] = []

    def align(self, targets: Sequence[EncodedText]) -> tuple[Tensor, Tensor]:
        """The rows of all `targets` that are erased, and the rows of their anchors; (n, d) float64 beside the Gram."""
        aligned = [align(*pair, self.settings.edit.tokens) for pair in zip(targets, self.anchors, strict=True)]
        sources, goals = (torch.cat(rows).to(self.gram.total) for rows in zip(*aligned, strict=True))
        return sources, goals

    def edit(self, operator: Operator, derived: tuple[Tensor, ...]) -> Operator:
        """The operator after one more edit, that takes all of `derived` onto their anchors."""
        if not derived:
            return solve_edit(self.sources, self.goals, self.preserved, self.edit_settings)
        lengths = [min(len(tokens), len(anchor.tokens)) for tokens, anchor in zip(derived, self.anchors, strict=True)]
        sources = torch.cat([tokens[:n] for tokens, n in zip(derived, lengths, strict=True)])
        goals = torch.cat([anchor.tokens[:n] for anchor, n in zip(self.anchors, lengths, strict=True)]).to(sources)
        if self.settings.iteration == "paper":
            return operator.then(solve_edit(sources, goals, self.preserved_in_epochs, self.edit_settings))
        self.found.append((sources, goals))
        return solve_edit(
            torch.cat([self.sources, *(source for source, _ in self.found)]),
            torch.cat([self.goals, *(goal for _, goal in self.found)]),
            self.preserved_in_epochs,
            self.edit_settings,
        )

    def measure(
        self, epoch: int, operator: Operator, pair: PairGram, derived: tuple[Tensor, ...], start: float
    ) -> EpochRecord:
        both = zip(self.targets, derived, strict=True)
        returned, _ = self.align([replace(target, tokens=tokens) for target, tokens in both])
        values = PairGram.from_operator(self.gram.values, operator)
        return EpochRecord(
            epoch=epoch,
            forgotten=measure_forgotten(pair, self.sources, self.goals),
            recoverable=measure_recoverable(values, self.sources, self.goals, returned),
            norm_ratio=measure_norm_ratio(self.sources, returned),
            drift=measure_drift(pair, self.probes),
            rank=operator.rank,
            condition=operator.condition_number(),
            seconds=time.perf_counter() - start,
        )


def _token_gram(texts: tuple[EncodedText, ...], gram: Gram) -> Tensor:
    """Σ p pᵀ over all tokens of `texts`, (d, d) float64 beside `gram`."""
    total = torch.zeros(gram.width, gram.width, dtype=torch.float64)
    for text in texts:  # one at a time: thousands of texts need no more memory than one
        tokens = text.tokens.to("cpu", torch.float64)
        total.addmm_(tokens.T, tokens)
    return total.to(gram.total.device)
