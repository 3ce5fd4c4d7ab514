"""Copies of the diffusion model that a checkpoint carries beside it, such as the moving average of its training.

A copy that stays as it was is the original model inside an erased file. It is known by its names: those of the model
behind another prefix, with their dots, or without, as LDM's `LitEma` writes them (`model_ema.diffusion_modelinput_…`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import prod

from torch import Tensor

from ..models.text_entries import TextEntry, find_output
from ..models.text_model import TextModel
from ..models.weights import VALUE_ROLES
from ..storage.tensor_file import FLOATS, TensorFile

MODEL = "model."  # what names in checkpoints have before the host's names
HOST = "diffusion_model."  # what the host's names of a diffusion model begin with
ALIKE, DROP = CHOICES = ("alike", "drop")
LORA_ENDINGS = (".lora_up.weight", ".lora_down.weight", ".lora_A.weight", ".lora_B.weight")
# ‖copy − W‖ / ‖W‖: an average or a storage type makes a tenth at most, two unrelated weights are 1.4 apart.
NEAR = 0.5


@dataclass(frozen=True)
class Copies:
    """Names in a file of copies of a model's weights.

    known: by prefix, the copy's name of each of the model's weights that it has. unclear: what repeats a text entry, or
    may, and can't be erased alike, each with the reason. names: of all that belongs to copies, their counters included.
    """

    known: Mapping[str, Mapping[str, str]]
    unclear: Mapping[str, str]
    names: tuple[str, ...]

    def check(self, file: TensorFile, how: str) -> None:
        """ValueError where `how` is ALIKE and something can't be erased alike."""
        if how == ALIKE and self.unclear:
            name, why = next(iter(self.unclear.items()))
            raise ValueError(
                f"{file.path.name}: {name} {why}, so it would stay as it is and carry the concept on. Leave copies out "
                f"by --copies {DROP}."
            )


def find_copies(file: TensorFile, model: TextModel) -> Copies:
    """The copies of the text entries of `model` in `file`, with what belongs to the same copies of the model.

    Reads a tensor under an unknown name only where it is as large as a text entry, one at a time.
    """
    entries = {entry.name: entry for each in model.cond_inputs.values() for entry in each}
    others = [name for name in file.tensors if not name.startswith(MODEL + HOST)]
    if len(others) == len(file.tensors):
        return Copies({}, {}, ())  # a diffusion model by itself, under the names of no checkpoint
    hosts = {_strip(name): name for name in model.shapes}
    unclear = {name: "belongs to a LoRA" for name in others if name.endswith(LORA_ENDINGS)}
    known: dict[str, dict[str, str]] = {}
    for prefix in dict.fromkeys(_find_prefixes(entries, others)):
        inside = (name for name in others if name.startswith(prefix))
        found = {hosts[_strip(name[len(prefix) :])]: name for name in inside if _strip(name[len(prefix) :]) in hosts}
        refused = {found[host]: why for host, why in _list_problems(file, model, entries, found)}
        unclear |= refused
        known[prefix] = {host: name for host, name in found.items() if name not in refused}
    told = {*unclear, *(name for names in known.values() for name in names.values())}
    expected = told | {MODEL + name for name in entries}
    unclear |= _find_strangers(file, entries, [name for name in file.tensors if name not in expected])
    roots = tuple({prefix.partition(".")[0] + "." for prefix in known if prefix})
    counters = (name for name in others if name.startswith(roots) and file.tensors[name].shape == ())
    belongs = told.union(unclear, counters)
    return Copies(known, unclear, tuple(name for name in file.tensors if name in belongs))


def _find_prefixes(entries: Mapping[str, TextEntry], others: list[str]) -> Iterator[str]:
    """What is before the name of a text entry in each of the `others` that ends with one."""
    plain = {_strip(name) for name in entries}
    lengths = sorted(set(map(len, plain)), reverse=True)
    for name in others:
        dotless = name.replace(".", "")
        length = next((length for length in lengths if dotless[-length:] in plain), None)
        if length is not None:
            yield _cut(name, length)


def _list_problems(
    file: TensorFile, model: TextModel, entries: Mapping[str, TextEntry], found: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Which of the `found` can't be erased like the model's own, by the model's names, and why."""
    for host, name in found.items():
        stored, own = file.tensors[name], model.shapes[host]
        if stored.shape != own:
            yield host, f"has the shape {stored.shape}, the model's own {own}"
        elif stored.dtype not in FLOATS:
            yield host, f"is stored as {stored.dtype}, which is no plain number"
        elif host in entries:
            missing = [each for each in _list_edited_with(entries[host], model) if each not in found]
            if missing:
                yield host, f"is a copy without {missing[0]}, which value erasure changes with it"


def _list_edited_with(entry: TextEntry, model: TextModel) -> list[str]:
    """The weights behind a value entry that value erasure reads or changes."""
    if entry.role in VALUE_ROLES:
        with suppress(ValueError):  # a model that value erasure refuses
            return [name for name in find_output(entry, model.shapes) if name]
    return []


def _find_strangers(file: TensorFile, entries: Mapping[str, TextEntry], strangers: list[str]) -> dict[str, str]:
    """Which of the `strangers` hold the numbers of a text entry, and of which."""
    sizes: dict[int, list[str]] = {}
    for name in strangers:
        if file.tensors[name].dtype in FLOATS:
            sizes.setdefault(prod(file.tensors[name].shape), []).append(name)
    found = {}
    for entry in entries.values():
        alike = sizes.get(prod(file.tensors[MODEL + entry.name].shape), ())
        weight = file.read(MODEL + entry.name).float() if alike else None
        for name in alike:
            if weight is not None and _is_near(file.read(name).float().flatten(), weight):
                found[name] = (
                    f"has the numbers of {MODEL}{entry.name}, which reads the text, under a name that is not known"
                )
    return found


def _is_near(numbers: Tensor, weight: Tensor) -> bool:
    """Whether `numbers`, all in a row, are about those of `weight`, also transposed."""
    most = NEAR * weight.norm()
    return any(bool((numbers - each.flatten()).norm() < most) for each in (weight, weight.T))


def _strip(host: str) -> str:
    return host.removeprefix(HOST).replace(".", "")


def _cut(name: str, letters: int) -> str:
    """`name` without its last `letters`, dots not counted."""
    end = len(name)
    while letters:
        end -= 1
        letters -= name[end] != "."
    return name[:end]
