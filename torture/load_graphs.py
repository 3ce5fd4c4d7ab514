"""Prompts of every kind that users queue, valid and not, drawn at random; all begin with the same model."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from demo.graphs import EDIT
from demo.world import COLOURS
from tests.host.attacks import AttackGraph

SHAPES = ("circle", "ring", "star", "cross", "triangle")
#: Weights of the kinds in the mix.
KINDS: dict[str, int] = {
    "erase": 4,
    "edit": 3,
    "draw": 3,
    "derive": 2,
    "attack": 2,
    "save": 2,
    "report": 1,
    "no target": 1,
    "too long": 1,
    "no such file": 1,
    "no such node": 1,
    "bad name": 1,
    "another width": 1,
}
#: Those that a host must refuse or a node must fail at.
WRONG = frozenset(("no target", "too long", "no such file", "no such node", "bad name", "another width"))
#: Those that run for minutes unless they are cancelled.
LONG: dict[str, int] = {"erase much": 3, "draw much": 2, "attack much": 1}
MUCH = "\n".join(f"a {colour} {shape} => a square" for colour in COLOURS for shape in SHAPES)


class LoadGraph(AttackGraph):
    """A prompt of a kind, made by `random`; `run` makes the nodes behind the model others than those of all before."""

    def __init__(self, kind: str, random: Random, run: int) -> None:
        super().__init__()
        self.random, self.run = random, run
        MAKERS[kind](self)

    def choose(self) -> str:
        """A target onto an anchor."""
        return f"a {self.random.choice(list(COLOURS))} {self.random.choice(SHAPES)} => a square"

    def erase(self) -> None:
        erased = self.iterate(concepts=self.concepts(self.choose()), epochs=self.random.randrange(3))
        self.hash(erased[0], self.run)
        self.show(erased[2])

    def edit_once(self) -> None:
        seal = self.random.choice([0.0, 1.0])
        inputs = {"model": self.model, "clip": self.clip, "concepts": self.concepts(self.choose())}
        self.hash(self.add("ReceEditModel", **{**inputs, **EDIT, "seal": seal})[0], self.run)

    def draw_small(self) -> None:
        erased = self.iterate(concepts=self.concepts(self.choose()), epochs=0)
        self.sample(self.random.choice([self.model, erased[0]]), steps=self.random.randrange(1, 4), pixels=64)

    def derive_one(self) -> None:
        erased = self.iterate(concepts=self.concepts("a red circle => a blue square"), epochs=0)
        ridge = self.random.choice([0.01, 0.1, 1.0])
        self.show(self.derive(erased[0], derivation_ridge=ridge)[1])

    def attack_one(self) -> None:
        self.show(self.attack(self.iterate(epochs=0)[0], norm=self.random.uniform(0.5, 2.0))[1])

    def save(self) -> None:
        erased = self.iterate(concepts=self.concepts(self.choose()), epochs=0)
        self.add("ReceSaveErasure", erasure=erased[1], filename_prefix="load/erasure")

    def report(self) -> None:
        erased = self.iterate(concepts=self.concepts(self.choose()), epochs=1)
        told = self.add("ReceReport", model=self.model, clip=self.clip, erasure=erased[1])
        self.add("PreviewImage", images=told[0])

    def no_target(self) -> None:
        self.hash(self.iterate(concepts=self.concepts(""))[0], self.run)

    def too_long(self) -> None:
        self.hash(self.iterate(concepts=self.concepts(" ".join(["circle"] * self.random.randrange(76, 500))))[0])

    def no_such_file(self) -> None:
        self.show(self.add("ReceLoadErasure", file=f"none {self.random.random()}.safetensors")[1])

    def no_such_node(self) -> None:
        self.show(self.add("ReceNoSuchNode", model=self.model)[0])

    def bad_name(self) -> None:
        self.add("ReceSaveErasure", erasure=self.iterate(epochs=0)[1], filename_prefix="../elsewhere")

    def another_width(self) -> None:
        narrow = self.add("ProbeNarrowClip")
        inputs = {"model": self.model, "clip": narrow[0], "concepts": self.concepts(self.choose())}
        self.hash(self.add("ReceEditModel", **{**inputs, **EDIT})[0], self.run)

    def erase_much(self) -> None:
        self.hash(self.iterate(concepts=self.concepts(MUCH), epochs=50, iteration="cumulative")[0], self.run)

    def draw_much(self) -> None:
        erased = self.iterate(concepts=self.concepts(self.choose()), epochs=0)
        self.sample(erased[0], steps=self.random.randrange(5_000, 9_000))

    def attack_much(self) -> None:
        inverted = self.optimise(self.iterate(epochs=0)[0], steps=1000, seed=self.random.randrange(1000))
        self.show(inverted[2])


MAKERS: dict[str, Callable[[LoadGraph], None]] = {
    "erase": LoadGraph.erase,
    "edit": LoadGraph.edit_once,
    "draw": LoadGraph.draw_small,
    "derive": LoadGraph.derive_one,
    "attack": LoadGraph.attack_one,
    "save": LoadGraph.save,
    "report": LoadGraph.report,
    "no target": LoadGraph.no_target,
    "too long": LoadGraph.too_long,
    "no such file": LoadGraph.no_such_file,
    "no such node": LoadGraph.no_such_node,
    "bad name": LoadGraph.bad_name,
    "another width": LoadGraph.another_width,
    "erase much": LoadGraph.erase_much,
    "draw much": LoadGraph.draw_much,
    "attack much": LoadGraph.attack_much,
}
