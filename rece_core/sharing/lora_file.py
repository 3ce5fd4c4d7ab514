"""Erasures as LoRA files, which need nothing of this pack: W' − W of each text entry, under names that others read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from safetensors.torch import save
from torch import Tensor
from torch.nn.functional import pad

from ..algebra.low_rank import STORED, StoredChange, check_rank, store_change
from ..erasing.erasure import Erasure, check_fit
from ..models.fingerprint import fingerprint, same_fingerprint
from ..models.text_entries import PREFIXES
from ..models.text_model import TextModel
from ..models.weights import accumulate_gram
from ..progress import Progress
from ..storage.checksum import PLACEHOLDER, fill_checksum
from .lora_keys import ARCHITECTURES, KOHYA, name_layers
from .provenance import describe_provenance

KOHYA_PARTS = {"up": "lora_up.weight", "down": "lora_down.weight", "diff": "diff"}
DIFFUSERS_PARTS = {"up": "lora_B.weight", "down": "lora_A.weight", "diff": "diff"}
BIAS, DIFFUSERS_BIAS = "diff_b", "lora_B.bias"


@dataclass(frozen=True)
class LoraFile:
    """What a LoRA file holds: tensors by key; how it holds each changed weight, by name; names of changed biases."""

    tensors: Mapping[str, Tensor]
    changes: Mapping[str, StoredChange]
    biases: tuple[str, ...] = ()

    @property
    def error(self) -> float:
        """The largest error of any weight, see `StoredChange`."""
        return max((change.error for change in self.changes.values()), default=0.0)

    def describe(self) -> str:
        """Ranks, biases and error in a line."""
        ranks = sorted({change.rank for change in self.changes.values() if change.rank})
        differences = sum(change.rank is None for change in self.changes.values())
        parts = [
            f"rank {ranks[0]}" + (f" to {ranks[-1]}" if len(ranks) > 1 else "") if ranks else "",
            f"{differences} full differences" if differences else "",
            f"{len(self.biases)} biases" if self.biases else "",
        ]
        return f"{', '.join(filter(None, parts))}; loses at most {self.error:.2%} of what changes in a weight"


def make_lora(
    erasure: Erasure,
    model: TextModel,
    read_behind: Callable[[str], Tensor],
    rank: int = 0,
    for_diffusers: bool = False,
    progress: Progress | None = None,
) -> LoraFile:
    """The LoRA of `erasure`, which was made on this very `model`; its text entries are read twice.

    read_behind: a weight of the model by name, called for those behind layers with a value eraser. rank: of all
    weights, or 0 for the smallest of each, see `store_change`. for_diffusers: named and stored as diffusers reads it,
    else as ComfyUI and as many others as can, see `lora_keys`.

    Raises ValueError for a rank that no weight can have, for another model than the erasure was made on, for a change
    that float16 cannot hold, for an erasure without any, and where it is not known what diffusers calls a layer.
    """
    check_rank(rank, max(entry.shape[1] for entry in model.family.entries))
    check_fit(erasure, model)
    entries = {entry.name: entry for entry in model.list_entries(erasure.parts)}
    biases = _sum_biases(erasure, model, read_behind)
    keys = _name_keys([*entries, *biases], model.shapes, model.family.name, for_diffusers)
    checking, storing = (progress or Progress()).split(1, 1)
    _check_base(erasure, model, checking)
    changes: dict[str, StoredChange] = {}
    tensors: dict[str, Tensor] = {}
    for weight in model.read(list(entries.values()), storing.count(len(entries))):
        factors = erasure.factors_for(weight)
        change = erasure.change_of(weight) if factors is None else factors[0] @ factors[1]
        if change.any():
            changes[weight.name] = store_change(change, factors, rank, as_factors=for_diffusers)
            start, stop = entries[weight.name].columns or (0, weight.matrix.shape[1])
            margins = (start, model.shapes[weight.name][1] - stop)
            tensors |= _name_tensors(keys[weight.name], changes[weight.name], margins)
    if not (changes or biases):
        raise ValueError("the erasure changes nothing, so there is nothing to save as a LoRA. Erase something first.")
    named = {keys[name]: change for name, change in biases.items()}
    if for_diffusers and biases:
        columns = {keys[name]: model.shapes[name.removesuffix("bias") + "weight"][1] for name in biases}
        tensors |= _name_for_diffusers(named, columns, tensors)
    else:
        tensors |= {f"{key}.{BIAS}": change for key, change in named.items()}
    return LoraFile(tensors, changes, tuple(biases))


def describe_header(lora: LoraFile, erasure: Erasure) -> dict[str, str]:
    """The header of the file: where it comes from, how exact it is, and what other programs look for in headers."""
    return {
        "format": "pt",
        **describe_provenance(erasure),
        "stored_as": f"LoRA, {lora.describe()}",
        **ARCHITECTURES.get(erasure.family, {}),
    }


def pack_lora(lora: LoraFile, header: Mapping[str, str]) -> bytes:
    """The content of the file, with `header` and its checksum."""
    return fill_checksum(save(dict(lora.tensors), metadata={**header, **PLACEHOLDER}))


def _check_base(erasure: Erasure, model: TextModel, progress: Progress) -> None:
    on_step = progress.count(len(model.list_entries(erasure.parts)))
    for cond_input, part in erasure.parts.items():
        gram = accumulate_gram(model.read(model.cond_inputs[cond_input], on_step))
        if not same_fingerprint(part.base, fingerprint(gram.total)):
            raise ValueError(
                "this is not the model that the erasure was made on, and a LoRA holds what changes in the weights of "
                "that one. Connect the MODEL that went into RECE Iterate or RECE Edit Model, not the erased one; for "
                "another checkpoint of the family erase again, or save the operator, which fits them all."
            )


def _sum_biases(erasure: Erasure, model: TextModel, read_behind: Callable[[str], Tensor]) -> dict[str, Tensor]:
    """What all conditioning inputs add to biases, by name, float32 on the CPU."""
    sums: dict[str, Tensor] = {}
    for cond_input, part in erasure.parts.items():
        for name, change in part.bias_changes(model.cond_inputs[cond_input], model.shapes, read_behind).items():
            added = change.to("cpu", torch.float32)
            sums[name] = sums[name] + added if name in sums else added
    return sums


def _name_keys(
    names: Iterable[str], shapes: Mapping[str, tuple[int, ...]], family: str, for_diffusers: bool
) -> dict[str, str]:
    """What a file calls the layers of these weights and biases."""
    prefix = next((each for each in PREFIXES if any(name.startswith(each) for name in shapes)), "")
    layers = {name: name.removeprefix(prefix).rpartition(".")[0] for name in names}
    own = {name.removeprefix(prefix) for name in shapes if name.startswith(prefix)}
    found = name_layers(layers.values(), own, family, for_diffusers)
    return {name: found[layer] for name, layer in layers.items()}


def _name_tensors(key: str, change: StoredChange, margins: tuple[int, int]) -> dict[str, Tensor]:
    """The tensors of one weight, `margins` columns of zeros before and after those that read the conditioning input."""
    kohya = key.startswith(KOHYA)
    endings = KOHYA_PARTS if kohya else DIFFUSERS_PARTS
    wide = {name: part if name == "up" else pad(part, margins) for name, part in change.parts.items()}
    tensors = {f"{key}.{endings[name]}": part for name, part in wide.items()}
    if kohya and change.rank:
        tensors[f"{key}.alpha"] = torch.tensor(float(change.rank))  # alpha / rank scales what is added
    return tensors


def _name_for_diffusers(
    biases: Mapping[str, Tensor], columns: Mapping[str, int], tensors: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """`biases` as those of the second factor: then every layer of the file has one, and both factors."""
    up, down = DIFFUSERS_PARTS["up"], DIFFUSERS_PARTS["down"]
    rows = {name.removesuffix(f".{up}"): len(tensor) for name, tensor in tensors.items() if name.endswith(up)}
    named = {f"{key}.{DIFFUSERS_BIAS}": torch.zeros(count) for key, count in rows.items()}
    for key, change in biases.items():
        named[f"{key}.{DIFFUSERS_BIAS}"] = change
        if key not in rows:
            named[f"{key}.{up}"] = torch.zeros(len(change), 1, dtype=STORED)
            named[f"{key}.{down}"] = torch.zeros(1, columns[key], dtype=STORED)
    return named
