"""`erase`: write a copy of a checkpoint that has forgotten concepts."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

import psutil

from ..checkpoints.checkpoint import open_checkpoint
from ..checkpoints.clip_texts import CheckpointTexts
from ..checkpoints.recipe import Recipe, plan_recipe
from ..checkpoints.stored_encoders import find_encoders
from ..checkpoints.tokenizer_files import load_tokenizer
from ..erasing.memory import bound_erasure
from ..erasing.pipeline import erase_concepts
from ..erasing.schedule import Goals, apply_schedule, resolve_concepts, resolve_settings
from ..erasing.settings import AUTO, EditSettings, EraseSettings
from ..storage.text_file import read_lenient
from ..texts.concepts import Concepts
from ..texts.presets import PROBES
from ..texts.prior import parse_captions
from .files import check_files, finish_erase
from .progress import show_progress


def run(options: Namespace) -> str:
    """The report. Raises ValueError and OSError for what a user can fix, before the long work where it can be."""
    recipe = read_recipe(options)
    checkpoint = open_checkpoint(options.input)
    encoders = find_encoders(checkpoint.file, checkpoint.model.family.name)
    check_files(options, checkpoint, options.save_erasure)
    texts = CheckpointTexts(checkpoint.file, encoders, load_tokenizer(options.tokenizer or checkpoint.words))
    plan = plan_recipe(checkpoint, texts, recipe)
    if warning := bound_erasure(plan).compare(psutil.virtual_memory().available):
        sys.stderr.write(f"warning: {warning}.\n")
    with show_progress() as progress:
        erasure = erase_concepts(plan, progress, on_encoded=texts.release)
    return finish_erase(options, checkpoint, erasure)


def read_recipe(options: Namespace) -> Recipe:
    """What to erase and how, from options and the files they name."""
    settings, goals = read_settings(options)
    probes = tuple(options.probe or PROBES)
    auto_ridges = options.ridge_scale == AUTO
    return Recipe(read_concepts(options), settings, goals, auto_ridges, probes, options.pooled, options.copies)


def read_concepts(options: Namespace) -> Concepts:
    """What to forget and what to keep, from options and the files they name."""
    captions = parse_captions(_read(options.captions)) if options.captions else ()
    if options.captions and not captions:
        raise ValueError(f"{options.captions} holds no caption; expected at least one, a line each.")
    concepts = resolve_concepts(
        options.kind,
        "\n".join([*options.target, _read(options.targets_file)]),
        options.anchor,
        "\n".join([*options.preserve, _read(options.preserve_file)]),
        by_kind=not options.as_typed,
        captions=captions,
    )
    return apply_schedule(options.schedule, concepts)


def read_settings(options: Namespace) -> tuple[EraseSettings, Goals | None]:
    """How to forget; ridge scale `auto` is settled later, by the size of the embeddings."""
    edit = EditSettings(
        erase_scale=options.erase_scale,
        preserve_scale=options.preserve_scale,
        ridge=options.edit_ridge,
        tokens=options.tokens,
        ridge_scale="absolute" if options.ridge_scale == AUTO else options.ridge_scale,
        mode=options.mode,
        prior_scale=options.prior_scale,
        free_share=options.free_share or None,
    )
    settings = EraseSettings(
        edit, options.epochs, options.derivation_ridge, options.iteration, options.seal, options.seal_caution
    )
    return resolve_settings(options.schedule, options.kind, settings, options.thoroughness, options.carefulness)


def _read(path: Path | None) -> str:
    return "" if path is None else read_lenient(path)
