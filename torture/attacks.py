"""What is done with each input: all that the pack does with such a file before and while it is used."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import torch

from rece_core.algebra.low_rank import check_rank
from rece_core.benchmarks.prompt_list import read_prompt_list, take_cases
from rece_core.benchmarks.results_table import check_columns, read_table, sum_table
from rece_core.checkpoints.checkpoint import open_checkpoint
from rece_core.checkpoints.clip_texts import CheckpointTexts
from rece_core.checkpoints.encoder_shapes import END, START
from rece_core.checkpoints.stored_encoders import find_encoders
from rece_core.command_line.erase import read_concepts
from rece_core.command_line.main import run
from rece_core.command_line.options import make_parser
from rece_core.erasing.erasure import check_fit, describe_fit
from rece_core.erasing.schedule import apply_schedule, resolve_concepts, resolve_settings
from rece_core.erasing.settings import EditSettings, EraseSettings
from rece_core.models.fingerprint import fingerprint
from rece_core.models.text_entries import find_family
from rece_core.models.weights import accumulate_gram
from rece_core.reporting.description import describe_erasure, summarize_erasure
from rece_core.sharing.erasure_file import load_erasure
from rece_core.sharing.provenance import describe_origin, describe_provenance
from rece_core.storage.header import add_provenance
from rece_core.storage.tensor_file import open_tensor_file
from rece_core.texts.prior import choose_captions, parse_captions
from rece_core.texts.prior_file import read_prior

from .model import BLOCK, WIDTH, draw, ignore, make_model

SHAPES = {f"{BLOCK}{number}.{name}.weight": (12, WIDTH) for number in range(300) for name in ("to_k", "to_v", "to_q")}


def inspect(path: Path) -> None:
    """`inspect`, as text and as JSON."""
    call("inspect", path)
    call("inspect", path, "--json")


def use_erasure(path: Path) -> None:
    """An erasure is loaded, told and applied."""
    with contextlib.suppress(ValueError):
        inspect(path)
    erasure, header = load_erasure(path), open_tensor_file(path).metadata
    for told in (describe_erasure(erasure), summarize_erasure(erasure), describe_origin(header)):
        told.encode("utf-8")
    json.dumps(add_provenance(header, describe_provenance(erasure)), ensure_ascii=False).encode("utf-8")
    model = make_model()
    check_fit(erasure, model)
    erasure.check_encoder({"tokens": fingerprint(draw(11, 7, WIDTH))})
    bases = {
        name: fingerprint(accumulate_gram(model.read(model.cond_inputs[name], ignore)).total) for name in erasure.parts
    }
    describe_fit(erasure, model, bases)
    for name, part in erasure.parts.items():
        for weight in model.read(model.cond_inputs[name], ignore):
            erasure.change_of(weight)
        part.bias_changes(model.cond_inputs[name], model.shapes, lambda name: torch.ones(model.shapes[name]))


def encode_text(path: Path) -> None:
    """The text encoder of a checkpoint is built, and reads a text."""
    checkpoint = open_checkpoint(path)
    encoders = find_encoders(checkpoint.file, checkpoint.model.family.name)
    texts = CheckpointTexts(checkpoint.file, encoders, lambda text: {"input_ids": [START, 5, 6, END]})
    checkpoint.model.prepare_inputs(texts("a cat"))


def erase(path: Path) -> None:
    """`erase`, all but writing."""
    words, captions = path.with_name("words"), path.with_name("captions.txt")
    if not words.exists():
        _save_words(words)
        captions.write_text("a house\nthe sea\na red car\n", "utf-8")
    settings = ("--as-typed", "--schedule", "manual", "--epochs", "1", "--dry-run")
    call("erase", path, "--target", "cat => dog", "--tokenizer", words, "--captions", captions, *settings)


def read_prompts(path: Path) -> None:
    """A prompt list."""
    take_cases(read_prompt_list(path), 0, 1, {5})


def read_results(path: Path) -> None:
    """A running table."""
    rows = read_table(path)
    check_columns(path.name, rows, ["FACE", "FEET"])
    sum_table(rows).encode("utf-8")


def use_captions(path: Path) -> None:
    """A file of captions, and the same file as targets and as texts to keep."""
    for option in ("--captions", "--targets-file", "--preserve-file"):
        with contextlib.suppress(ValueError) if option != "--captions" else contextlib.nullcontext():
            given = ["erase", str(path), "--target", "cat => dog", option, str(path)]
            concepts = read_concepts(make_parser().parse_args(given))
            choose_captions(concepts)
            concepts.describe().encode("utf-8")


def type_concepts(path: Path) -> None:
    """Texts as they come from nodes, where the host has made them texts."""
    given = _read_values(path)
    text = {name: _to_text(given.get(name)) for name in ("kind", "targets", "default_anchor", "preserve", "captions")}
    concepts = resolve_concepts(
        text["kind"],
        text["targets"],
        text["default_anchor"],
        text["preserve"],
        by_kind=bool(given.get("by_kind")),
        captions=parse_captions(text["captions"]),
    )
    concepts = apply_schedule(_to_text(given.get("schedule")), concepts)
    choose_captions(concepts)
    (concepts.describe() + concepts.summarize()).encode("utf-8")


def set_values(path: Path) -> None:
    """Numbers and choices as they come from nodes, where the host has made them numbers; weights by name."""
    given = _read_values(path)
    edit, erase = (
        _coerce(given.get(name), like) for name, like in (("edit", EditSettings()), ("erase", EraseSettings()))
    )
    settings = EraseSettings(EditSettings(**edit), **{name: value for name, value in erase.items() if name != "edit"})
    sliders = given.get("sliders")
    pair = sliders[:2] if isinstance(sliders, list) else []
    resolve_settings(
        _to_text(given.get("schedule")), _to_text(given.get("kind")), settings, *(_to_number(each) for each in pair)
    )
    check_rank(int(_to_number(given.get("rank"), whole=True)), WIDTH)
    find_family(SHAPES, _to_text(given.get("text_weights")))


def read_kept_prior(path: Path) -> None:
    """What is kept of everyday captions."""
    assert read_prior(path, WIDTH).width == WIDTH


def call(*arguments: Any) -> None:
    """The command line with these arguments; ValueError with what it says where it refuses."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(list(map(str, arguments)))
    if code:
        err.seek(0)
        raise ValueError(err.read().rpartition("error: ")[2].strip())


def _coerce(given: Any, like: Any) -> dict[str, Any]:
    """The fields of `given` that `like` has, made of their type as the host does; ValueError where that can't be."""
    fields = given if isinstance(given, dict) else {}
    coerced: dict[str, Any] = {}
    for name, value in fields.items():
        if name in vars(like) and name != "edit":
            default = getattr(like, name)
            coerced[name] = _to_text(value) if isinstance(default, str) else _to_number(value, isinstance(default, int))
    return coerced


def _read_values(path: Path) -> dict[str, Any]:
    """What the host hands on: nothing where it can't read it itself."""
    try:
        given = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return {}
    return given if isinstance(given, dict) else {}


def _to_text(value: Any) -> str:
    try:
        return "" if value is None else str(value)
    except ValueError:  # a number of thousands of digits: the host fails too
        return ""


def _to_number(value: Any, whole: bool = False) -> float:
    try:
        return int(value) if whole else float(value)
    except (ValueError, TypeError, OverflowError):  # the host refuses it
        return 1


def _save_words(folder: Path) -> None:
    """A tokenizer of CLIP's kind that spells words letter by letter."""
    folder.mkdir()
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = [*letters, *(f"{letter}</w>" for letter in letters)]
    words = {piece: number for number, piece in enumerate(pieces, start=5)}
    vocabulary = {**words, "<|startoftext|>": START, "<|endoftext|>": END}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", "utf-8")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "CLIPTokenizer"}', "utf-8")
