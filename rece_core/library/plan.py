"""A plan for a library of checkpoints: a YAML file, checked whole before any work."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

from ..checkpoints.recipe import Recipe
from ..storage.tensor_file import SHOWN
from .inputs import SUFFIX, Input, list_inputs

FORMS = ("checkpoint", "lora", "operator")
KEYS = ("inputs", "output", "form", "erase", "tokenizer", "overwrite", "threads", "audit")
RULE_KEYS = ("match", "family")
PAIR_KEYS = ("original", "erased", "target", "anchor")
MOST_THREADS = 256

ReadRecipe = Callable[[Mapping[str, Any], Path], Recipe]


@dataclass(frozen=True)
class Rule:
    """What is erased from files whose name fits the pattern `match` and whose family is `family`, empty for any."""

    match: str
    family: str
    recipe: Recipe

    @property
    def digest(self) -> str:
        """A hash of what is erased and how."""
        return hashlib.sha256(repr(self.recipe).encode()).hexdigest()


@dataclass(frozen=True)
class Pair:
    """An original and an erased checkpoint to audit, and the concept that may be left."""

    original: Path
    erased: Path
    target: str
    anchor: str = " "


@dataclass(frozen=True)
class LibraryPlan:
    """inputs: in order. output: the folder of what is written. rules: the first that fits a file is its. threads: of
    each task, as the last bits of a sum may depend on their number."""

    inputs: tuple[Input, ...]
    output: Path
    form: str
    rules: tuple[Rule, ...]
    tokenizer: Path | None
    overwrite: bool
    threads: int
    audit: tuple[Pair, ...]

    def find_rule(self, name: str, family: str | None) -> Rule | None:
        """The first rule that fits; a `family` of None stands for one that is not known yet."""
        fits = (rule for rule in self.rules if fnmatch(name, rule.match) and family in (None, rule.family or family))
        return next(fits, None)

    def output_of(self, each: Input) -> Path:
        """Where what is made of an input goes."""
        return self.output / (Path(each.name).stem + SUFFIX)


def read_plan(path: Path, read_recipe: ReadRecipe) -> LibraryPlan:
    """The plan at `path`; relative paths in it start from its folder. `read_recipe` reads what a rule erases.

    Raises ValueError for whatever is not as a plan should be, all of it in one text, and OSError for a file that cannot
    be read.
    """
    try:
        told = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path} is no YAML ({str(error)[:SHOWN]}). See docs/library.md for a plan to start from."
        ) from error
    reader = _Reader(path.absolute().parent, read_recipe)
    plan = reader.read(told)
    if reader.faults or plan is None:
        raise ValueError(f"{path.name} is not a plan that can be carried out: " + " ".join(reader.faults))
    return plan


def check_keys(told: Mapping[Any, Any], known: tuple[str, ...], place: str) -> list[str]:
    """A sentence for each key of `told` that is not `known`, with the nearest one that is."""
    faults = []
    for key in told:
        if key not in known:
            near = get_close_matches(str(key), known, 1)
            fix = f"did you mean '{near[0]}'?" if near else f"expected one of {', '.join(known)}."
            faults.append(f"{place} has the unknown key {str(key)[:SHOWN]!r}; {fix}")
    return faults


class _Reader:
    """What is wrong with a plan is gathered in `faults`, so that all of it is told at once."""

    def __init__(self, folder: Path, read_recipe: ReadRecipe) -> None:
        self.faults: list[str] = []
        self._folder, self._read_recipe = folder, read_recipe

    def read(self, told: Any) -> LibraryPlan | None:
        if not isinstance(told, dict):
            self.faults.append("it holds no keys; expected at least 'inputs', 'output' and 'erase', or 'audit'.")
            return None
        self.faults += check_keys(told, KEYS, "the plan")
        inputs = self._read_inputs(told)
        rules = self._read_rules(told.get("erase", []))
        audit = self._read_audit(told.get("audit", []))
        if not inputs and not audit and not self.faults:
            self.faults.append("it names nothing to do; write 'inputs' with 'erase', or 'audit'.")
        if inputs and "output" not in told:
            self.faults.append("'output' is missing; write the folder that results go to.")
        plan = LibraryPlan(
            inputs,
            self._path(self._typed(told, "output", str, "out")),
            self._choice(told),
            rules,
            self._path(told["tokenizer"]) if self._typed(told, "tokenizer", str, "") else None,
            self._typed(told, "overwrite", bool, False),
            self._threads(told),
            audit,
        )
        if plan.tokenizer and not plan.tokenizer.is_dir():
            self.faults.append(f"'tokenizer' is {plan.tokenizer}, which is no folder; give one with vocab.json.")
        self._check_names(plan)
        return plan

    def _read_inputs(self, told: Mapping[str, Any]) -> tuple[Input, ...]:
        given = told.get("inputs", [])
        listed = [given] if isinstance(given, str) else given
        if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
            self.faults.append(f"'inputs' is {str(given)[:SHOWN]!r}; expected paths, folders or patterns, a line each.")
            return ()
        found: dict[str, Input] = {}
        for each in listed:
            try:
                found |= {one.address: one for one in list_inputs(each, self._folder)}
            except (ValueError, OSError, ImportError) as error:
                self.faults.append(f"{error}")
        return tuple(found.values())

    def _read_rules(self, given: Any) -> tuple[Rule, ...]:
        rules = []
        for number, told in enumerate([given] if isinstance(given, dict) else given, start=1):
            if not isinstance(told, dict):
                self.faults.append(
                    f"entry {number} of 'erase' is {str(told)[:SHOWN]!r}; expected keys such as 'target'."
                )
                continue
            options = {key: value for key, value in told.items() if key not in RULE_KEYS}
            try:
                recipe = self._read_recipe(options, self._folder)
            except (ValueError, OSError) as error:
                self.faults.append(f"entry {number} of 'erase': {error}")
            else:
                rules.append(Rule(str(told.get("match", "*")), str(told.get("family", "")), recipe))
        return tuple(rules)

    def _read_audit(self, given: Any) -> tuple[Pair, ...]:
        pairs = []
        for number, told in enumerate(given if isinstance(given, list) else [given], start=1):
            place = f"entry {number} of 'audit'"
            if not isinstance(told, dict):
                self.faults.append(f"{place} is {str(told)[:SHOWN]!r}; expected {', '.join(PAIR_KEYS)}.")
                continue
            self.faults += check_keys(told, PAIR_KEYS, place)
            lacking = [key for key in PAIR_KEYS[:3] if not isinstance(told.get(key), str)]
            if lacking:
                self.faults.append(f"{place} lacks {', '.join(lacking)}; write each as a text.")
                continue
            original, erased = self._path(told["original"]), self._path(told["erased"])
            self.faults += [f"{path} is not there; check 'audit'." for path in (original, erased) if not path.is_file()]
            pairs.append(Pair(original, erased, told["target"], str(told.get("anchor", " "))))
        return tuple(pairs)

    def _check_names(self, plan: LibraryPlan) -> None:
        if plan.inputs and not plan.rules and not self.faults:
            self.faults.append("'erase' is missing; write what to erase, such as 'kind: nudity'.")
        for each in plan.inputs if plan.rules else ():
            if plan.find_rule(each.name, None) is None:
                self.faults.append(
                    f"no entry of 'erase' fits {each.name}; add one with match: '*', or name fewer inputs."
                )
            if not each.is_remote and plan.output_of(each).absolute() == Path(each.address).absolute():
                self.faults.append(f"{each.address} would be overwritten by its own result; choose another 'output'.")
        counted = Counter(plan.output_of(each) for each in plan.inputs)
        for output, number in counted.items():
            if number > 1:
                self.faults.append(f"{number} inputs would all be written to {output}; give them names of their own.")

    def _threads(self, told: Mapping[str, Any]) -> int:
        threads = self._typed(told, "threads", int, 1)
        if not 1 <= threads <= MOST_THREADS:
            self.faults.append(f"'threads' is {threads}; expected 1 to {MOST_THREADS}.")
        return threads

    def _choice(self, told: Mapping[str, Any]) -> str:
        form = self._typed(told, "form", str, FORMS[0])
        if form not in FORMS:
            near = get_close_matches(form, FORMS, 1)
            fix = f" Did you mean '{near[0]}'?" if near else ""
            self.faults.append(f"'form' is {form!r}; expected one of {', '.join(FORMS)}.{fix}")
        return form

    def _typed(self, told: Mapping[str, Any], key: str, kind: type, default: Any) -> Any:
        value = told.get(key, default)
        if type(value) is not kind:
            self.faults.append(f"{key!r} is {str(value)[:SHOWN]!r}; expected a value of the type {kind.__name__}.")
            return default
        return value

    def _path(self, text: str) -> Path:
        return self._folder / Path(str(text)).expanduser()
