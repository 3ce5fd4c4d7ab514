"""How an edit reaches the weights: as one operator on the text, or as an orthogonal map of each weight's output."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from torch import Tensor

from ..algebra.gram import PairGram, ProjectionGram
from ..algebra.operator import Operator
from ..algebra.orthogonal import solve_orthogonal
from ..models.weights import Gram, Weight, accumulate_pair_grams
from .preservation import EditProblem, solve_problem
from .value_eraser import ValueEraser

ReadWeights = Callable[[], Iterable[Weight]]


class Solver(Protocol):
    """Holds the state of an erasure: the original weights, and what was done to them so far."""

    operator: Operator  # M of everything so far, against the original weights
    orthogonal_maps: dict[str, Tensor]  # P (d_out, d_out) of each weight that was turned, by name

    def step(self, problem: EditProblem, *, afresh: bool) -> None:
        """Make one more edit, on top of what there is, or `afresh` from the original weights."""
        ...

    def measure_pairs(self) -> tuple[PairGram, PairGram]:
        """Original weights and those as they stand: over all text entries, and over value projections alone."""
        ...


class OperatorSolver:
    """W' = W M, and with value erasers (I − s δ wᵀ) W M for the values."""

    def __init__(self, gram: Gram, erasers: ProjectionGram | None = None) -> None:
        self.operator = Operator.identity(gram.width, gram.total.device)
        self.orthogonal_maps: dict[str, Tensor] = {}
        self._gram, self._erasers = gram, erasers

    def step(self, problem: EditProblem, *, afresh: bool) -> None:
        edit = solve_problem(problem)
        self.operator = edit if afresh else self.operator.then(edit)

    def measure_pairs(self) -> tuple[PairGram, PairGram]:
        total = self._measure(self._gram.total)
        same = self._gram.values is self._gram.total  # no keys: all text entries make values
        return total, total if same else self._measure(self._gram.values)

    def _measure(self, gram: Tensor) -> PairGram:
        if self._erasers is None:
            return PairGram.from_operator(gram, self.operator)
        return PairGram.from_operator_and_projections(gram, self.operator, self._erasers)


class OrthogonalSolver:
    """W' = P W, each weight with an orthogonal map P of its own, and (I − s δ wᵀ) P W with value erasers.

    Reads every weight twice an epoch and keeps the orthogonal maps in float32: (d_out, d_out) for each weight.
    """

    def __init__(
        self, read: ReadWeights, width: int, value_erasers: Mapping[str, ValueEraser], strength: float
    ) -> None:
        self.operator = Operator.identity(width)
        self.orthogonal_maps: dict[str, Tensor] = {}
        self._read, self._value_erasers, self._strength = read, value_erasers, strength

    def step(self, problem: EditProblem, *, afresh: bool) -> None:
        kept = problem.kept / len(problem.sources)
        for weight in self._read():
            matrix = weight.matrix.to(kept)
            before = self.orthogonal_maps.get(weight.name)
            if before is not None and not afresh:
                matrix = before.to(kept) @ matrix
            turn = solve_orthogonal(matrix, problem.sources, problem.anchors, kept, problem.settings.erase_scale)
            if before is not None and not afresh:
                turn = turn @ before.to(turn)
            self.orthogonal_maps[weight.name] = turn.float()

    def measure_pairs(self) -> tuple[PairGram, PairGram]:
        constants = {name: eraser.constant(self._strength) for name, eraser in self._value_erasers.items()}
        return accumulate_pair_grams(self._pair(), constants)

    def _pair(self) -> Iterator[tuple[Weight, Tensor]]:
        for weight in self._read():
            edited = self.orthogonal_maps[weight.name].to(weight.matrix.device) @ weight.matrix.float()
            eraser = self._value_erasers.get(weight.name)
            if eraser is not None:
                up, down = eraser.change_of(edited, self._strength)
                edited = edited + up @ down
            yield weight, edited
