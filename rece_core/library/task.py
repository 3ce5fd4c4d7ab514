"""The work on one file: what its header asks for, and the erasure of it, by the code of the command `erase`."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from ..checkpoints.checkpoint import DIFFUSION_MODEL, Checkpoint, open_checkpoint
from ..checkpoints.checkpoint_writer import write_erased
from ..checkpoints.copies import MODEL
from ..checkpoints.recipe import Recipe, plan_recipe
from ..erasing.erasure import Erasure
from ..erasing.memory import MOST, NUMBER
from ..erasing.pipeline import erase_concepts
from ..sharing.erasure_file import save_erasure
from ..sharing.lora_file import describe_header, make_lora, pack_lora
from ..storage.atomic_file import write_atomically
from ..storage.disk_space import require_space
from .inputs import Input, fetch
from .shared_texts import SharedTexts, hash_bytes, hash_encoders, open_texts, share_texts

LIBRARIES = 1_000_000_000  # bytes of Python, torch and transformers in a process of its own
FLOAT = 4  # bytes of a float32


@dataclass(frozen=True)
class Job:
    """One file: where it comes from, what is made of it, and where that goes. threads: see `LibraryPlan`."""

    source: Input
    output: Path
    form: str
    recipe: Recipe
    tokenizer: Path | None
    threads: int


@dataclass(frozen=True)
class Survey:
    """What a header tells: the family, a hash of the text encoders, and the memory that an erasure takes, in bytes,
    beside that of the text encoders."""

    family: str
    encoder: str
    memory: int
    encoders: int


@dataclass(frozen=True)
class Done:
    """What came of a job: the bytes written and their SHA-256, how long it took, and what is left of the concept in
    each conditioning input, by the name of the measure."""

    family: str
    size: int
    digest: str
    seconds: float
    measures: dict[str, float]


def survey(path: Path) -> Survey:
    """Read the header of a checkpoint, and the bytes of its text encoders. Raises ValueError where it is none."""
    checkpoint = open_checkpoint(path)
    family = checkpoint.model.family.name
    return Survey(family, hash_encoders(checkpoint.file, family), *estimate_memory(checkpoint))


def estimate_memory(checkpoint: Checkpoint) -> tuple[int, int]:
    """About how many bytes the process of an erasure takes: libraries and matrices, and text encoders in float32."""
    tensors = checkpoint.file.tensors
    encoders = sum(prod(each.shape) for name, each in tensors.items() if not name.startswith(DIFFUSION_MODEL))
    width = max(entry.shape[1] for entry in checkpoint.model.family.entries)
    largest = max(prod(each.shape) for each in tensors.values())
    return LIBRARIES + FLOAT * 3 * largest + MOST * NUMBER * width**2, FLOAT * encoders


def prepare(job: Job) -> SharedTexts | None:
    """What files with this one's text encoder share; None where it cannot be made, so that each says why by itself."""
    torch.set_num_threads(job.threads)
    try:
        return share_texts(Path(job.source.address), job.recipe, job.tokenizer)
    except (OSError, ValueError):
        return None


def carry_out(job: Job, shared: SharedTexts | None = None) -> Done:
    """Erase from one file and write what was asked for, whole or not at all.

    Without `shared` its own text encoder is asked. Raises ValueError and OSError as `erase` does.
    """
    torch.set_num_threads(job.threads)
    start = perf_counter()
    with fetch(job.source) as path:
        checkpoint = open_checkpoint(path)
        erasure = _erase(checkpoint, job, shared)
        write(checkpoint, erasure, job)
    content = hashlib.sha256()
    with open(job.output, "rb") as stream:
        size = job.output.stat().st_size
        hash_bytes(stream.read, size, content.update)
    seconds = perf_counter() - start
    return Done(erasure.family, size, content.hexdigest(), seconds, collect_measures(erasure))


def _erase(checkpoint: Checkpoint, job: Job, shared: SharedTexts | None) -> Erasure:
    if shared is not None:
        plan = plan_recipe(checkpoint, shared, job.recipe, shared.describe)
        return without_times(erase_concepts(plan, make_priors=shared.make_priors))
    texts = open_texts(checkpoint, job.tokenizer)
    plan = plan_recipe(checkpoint, texts, job.recipe)
    return without_times(erase_concepts(plan, on_encoded=texts.release))


def without_times(erasure: Erasure) -> Erasure:
    """The same, with no seconds in its records: they go into the header, and equal work shall give equal bytes."""
    parts = {
        name: replace(part, records=tuple(replace(each, seconds=0.0) for each in part.records))
        for name, part in erasure.parts.items()
    }
    return replace(erasure, parts=parts)


def write(checkpoint: Checkpoint, erasure: Erasure, job: Job) -> None:
    """Write the form that `job` asks for. Raises ValueError where the disk has no room."""
    if job.form == "checkpoint":
        require_space(job.output.parent, checkpoint.size)
        write_erased(checkpoint, erasure, job.output, copies=job.recipe.copies)
    elif job.form == "lora":
        lora = make_lora(erasure, checkpoint.model, lambda name: checkpoint.file.read(MODEL + name).float())
        write_atomically(job.output, pack_lora(lora, describe_header(lora, erasure)))
    else:
        save_erasure(erasure, job.output)


def collect_measures(erasure: Erasure) -> dict[str, float]:
    """What the last edit left in each conditioning input, by `input.measure`; those that are no number are left out."""
    found: dict[str, Any] = {}
    for cond_input, part in erasure.parts.items():
        for name in ("forgotten", "recoverable", "drift", "condition", "norm_ratio"):
            found[f"{cond_input}.{name}"] = getattr(part.records[-1], name)
    return {name: value for name, value in found.items() if value is not None and math.isfinite(value)}
