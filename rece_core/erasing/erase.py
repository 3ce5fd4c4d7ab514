"""The RECE loop (arXiv 2407.12383, algorithm 1): edit, then derive and edit again, epoch by epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..algebra.gram import PairGram
from ..algebra.operator import Operator
from ..models.weights import Gram
from ..progress import OnStep, Progress
from ..texts.alignment import EncodedText, align, stack_tokens
from ..texts.prior import Prior
from .derive import Derivation, scaled_derivation_ridge
from .edit import scaled_ridge
from .measures import measure_drift, measure_forgotten, measure_norm_ratio, measure_recoverable
from .preservation import EditProblem, Preservation
from .settings import EraseSettings
from .solvers import OperatorSolver, OrthogonalSolver, ReadWeights, Solver
from .value_eraser import Contrast, ValueEraser, find_value_erasers


@dataclass(frozen=True)
class EncodedConcepts:
    """Concepts as the model reads them.

    targets, anchors: one anchor a target. preserved: texts kept in the first edit. preserved_in_epochs: texts kept in
    every epoch after it, by default the same. probes: benign texts to measure drift on, none of them preserved.
    exact: texts that a strict edit protects exactly. prior: for the modes that need it. groups: for each target the
    index of its concept, by default one of its own. Texts and embeddings that come from several devices are moved to
    that of the first target.
    """

    targets: tuple[EncodedText, ...]
    anchors: tuple[EncodedText, ...]
    preserved: tuple[EncodedText, ...] = ()
    preserved_in_epochs: tuple[EncodedText, ...] | None = None
    probes: tuple[EncodedText, ...] = ()
    exact: tuple[EncodedText, ...] = ()
    prior: Prior | None = None
    groups: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not self.targets or len(self.targets) != len(self.anchors):
            raise ValueError(
                f"{len(self.targets)} targets and {len(self.anchors)} anchors were given; "
                "expected at least one target and an anchor for each."
            )
        device = self.targets[0].tokens.device
        for name in ("targets", "anchors", "preserved", "preserved_in_epochs", "probes", "exact"):
            texts = getattr(self, name)
            if texts is not None:
                moved = tuple(replace(text, tokens=text.tokens.to(device)) for text in texts)
                object.__setattr__(self, name, moved)  # as in any frozen class

    def contrasts(self, tokens: str) -> list[Contrast]:
        """Each concept's aligned tokens against its anchors', see `value_eraser`; float64 on the CPU."""
        found: dict[int, list[tuple[Tensor, Tensor]]] = {}
        for index, pair in enumerate(zip(self.targets, self.anchors, strict=True)):
            found.setdefault(self.groups[index] if self.groups else index, []).append(align(*pair, tokens))
        contrasts = []
        for aligned in found.values():
            sources, anchors = (torch.cat(rows).to("cpu", torch.float64) for rows in zip(*aligned, strict=True))
            contrasts.append(Contrast(sources - anchors, anchors.mean(0)))
        return contrasts


@dataclass(frozen=True)
class EpochRecord:
    """The measures after one edit; epoch 0 is the first edit. See `measures`; seconds are wall-clock.

    condition: of the operator, which only a report needs: of the last edit alone, None for the others.
    """

    epoch: int
    forgotten: float
    recoverable: float
    norm_ratio: float
    drift: float
    rank: int
    condition: float | None
    seconds: float


@dataclass(frozen=True)
class EpochResult:
    """Where the loop stands after one edit.

    operator, orthogonal_maps: all that was done so far, against the original weights, see `solvers`. derived: for each
    target the embedding (n, d) float64 that brings it back from these weights as well as any can, which the next epoch
    will edit away.
    """

    record: EpochRecord
    operator: Operator
    orthogonal_maps: Mapping[str, Tensor]
    derived: tuple[Tensor, ...]


def iterate_erasure(
    gram: Gram,
    texts: EncodedConcepts,
    settings: EraseSettings,
    progress: Progress | None = None,
    solver: Solver | None = None,
) -> Iterator[EpochResult]:
    """Erase `texts` from a model of Gram matrix `gram`, yielding a result after the first edit and after each epoch.

    Costs d × d algebra only, unless `solver` turns each weight. Each edit is a stage of `progress`; an exception raised
    there (or simply not asking for the next result) cancels with nothing changed, since no caller's tensor is ever
    written to.

    Raises ValueError when text embeddings and weights differ in width, and UnsolvableError at an edit that cannot be
    solved: what was yielded before it holds.
    """
    task = _Task(gram, texts, settings)
    solver = solver or OperatorSolver(gram)
    derived: tuple[Tensor, ...] = ()
    stages = (progress or Progress()).split(*[1] * (settings.epochs + 1))
    for epoch, part in enumerate(stages):
        start, on_step = time.perf_counter(), part.count(1 + len(texts.targets))
        stage = f"epoch {epoch}" if epoch else "first edit"
        on_step(stage)
        solver.step(task.next_problem(derived), afresh=settings.iteration == "cumulative")
        pair, values = solver.measure_pairs()
        derivation = Derivation(pair, task.derivation_ridge)
        derived = tuple(_derive_each(derivation, texts, stage, on_step))
        record = task.measure(epoch, solver.operator, pair, values, derived, start)
        del pair, values, derivation  # of d × d each: not to be kept beside those of the next epoch
        yield EpochResult(record, solver.operator, dict(solver.orthogonal_maps), derived)


def prepare_solvers(
    read: ReadWeights, gram: Gram, texts: EncodedConcepts, settings: EraseSettings
) -> tuple[dict[str, ValueEraser], Callable[[], Solver]]:
    """The value erasers that `settings` ask for, by name of their weight, and what makes a solver beside them.

    `read` gives the original text entries, whose Gram matrix is `gram`; it is called again for every pass over them.
    """
    value_erasers: dict[str, ValueEraser] = {}
    erasers = None
    if settings.seal:
        assert texts.prior is not None
        contrasts = texts.contrasts(settings.edit.tokens)
        value_erasers, erasers = find_value_erasers(
            read(), contrasts, texts.prior, settings.shrinkage, settings.seal, gram.total.device
        )
    if settings.edit.mode == "orthogonal":
        return value_erasers, lambda: OrthogonalSolver(read, gram.width, value_erasers, settings.seal)
    return value_erasers, lambda: OperatorSolver(gram, erasers)


def _derive_each(derivation: Derivation, texts: EncodedConcepts, stage: str, on_step: OnStep) -> Iterator[Tensor]:
    for target in texts.targets:
        on_step(f"{stage}: derive '{target.text}'")
        yield derivation.derive(target.tokens)


class _Task:
    """What stays the same over the epochs: aligned tokens, what is kept, absolute ridges."""

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
        self.sources, self.anchor_rows = self.align(texts.targets)
        self.edit_settings = scaled_ridge(settings.edit, self.sources)
        self.derivation_ridge = scaled_derivation_ridge(
            settings.derivation_ridge, gram.total, settings.edit.ridge_scale
        )
        self.preservation = Preservation(texts.preserved, texts.prior, self.edit_settings, gram)
        self.later = self.preservation if later is texts.preserved else self.preservation.instead_of(later)
        self.preservation.protect(texts.exact, self.sources, self.anchor_rows)
        self.probes = stack_tokens(texts.probes, gram.width).to(device)
        self.found: list[tuple[Tensor, Tensor]] = []

    def align(self, targets: Sequence[EncodedText]) -> tuple[Tensor, Tensor]:
        """The rows of all `targets` that are erased, and the rows of their anchors; (n, d) float64 beside the Gram."""
        aligned = [align(*pair, self.settings.edit.tokens) for pair in zip(targets, self.anchors, strict=True)]
        sources, anchors = (torch.cat(rows).to(self.gram.total) for rows in zip(*aligned, strict=True))
        return sources, anchors

    def next_problem(self, derived: tuple[Tensor, ...]) -> EditProblem:
        """The next edit: the first one for nothing `derived`, else one that takes all of it onto its anchors."""
        if not derived:
            return self.preservation.problem(self.sources, self.anchor_rows)
        lengths = [min(len(tokens), len(anchor.tokens)) for tokens, anchor in zip(derived, self.anchors, strict=True)]
        sources = torch.cat([tokens[:n] for tokens, n in zip(derived, lengths, strict=True)])
        anchors = torch.cat([anchor.tokens[:n] for anchor, n in zip(self.anchors, lengths, strict=True)]).to(sources)
        if self.settings.iteration == "cumulative":
            self.found.append((sources, anchors))
            sources = torch.cat([self.sources, *(source for source, _ in self.found)])
            anchors = torch.cat([self.anchor_rows, *(anchor for _, anchor in self.found)])
        return self.later.problem(sources, anchors)

    def measure(
        self,
        epoch: int,
        operator: Operator,
        pair: PairGram,
        values: PairGram,
        derived: tuple[Tensor, ...],
        start: float,
    ) -> EpochRecord:
        both = zip(self.targets, derived, strict=True)
        returned, _ = self.align([replace(target, tokens=tokens) for target, tokens in both])
        return EpochRecord(
            epoch=epoch,
            forgotten=measure_forgotten(pair, self.sources, self.anchor_rows),
            recoverable=measure_recoverable(values, self.sources, self.anchor_rows, returned),
            norm_ratio=measure_norm_ratio(self.sources, returned),
            drift=measure_drift(pair, self.probes),
            rank=operator.rank,
            condition=None,
            seconds=time.perf_counter() - start,
        )
