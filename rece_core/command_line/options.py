"""What the command line understands: commands, options and their defaults, which are those of the nodes."""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from ..checkpoints.copies import ALIKE, CHOICES
from ..erasing.schedule import SCHEDULES
from ..erasing.settings import AUTO, ITERATIONS, MODES, RIDGE_SCALES, TOKEN_CHOICES, EditSettings, EraseSettings
from ..texts.presets import PRESETS

EXAMPLES = """examples:
  python -m rece_core erase model.safetensors erased.safetensors --kind nudity
  python -m rece_core erase model.safetensors erased.safetensors --kind style --target "van gogh => art"
  python -m rece_core erase model.safetensors --target "snoopy => dog" --preserve "a cartoon" --dry-run
  python -m rece_core inspect erased.safetensors
  python -m rece_core verify erased.safetensors"""


def make_parser() -> ArgumentParser:
    """The parser of all commands."""
    parser = ArgumentParser(
        prog="python -m rece_core",
        description="Erase concepts from text-to-image checkpoints without ComfyUI: SD 1.x, SD 2.x and SDXL, as "
        ".safetensors files or folders of diffusers. COMMAND --help says more.",
        epilog=EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_erase(commands.add_parser("erase", help="make a checkpoint forget concepts", formatter_class=_Wide))
    _add_apply(commands.add_parser("apply", help="apply an erasure that was saved", formatter_class=_Wide))
    _add_library(commands.add_parser("library", help="erase from many checkpoints", formatter_class=_Wide))
    inspect = commands.add_parser("inspect", help="say what a file is", formatter_class=_Wide)
    inspect.add_argument("file", type=Path, help="a .safetensors file or a folder: a checkpoint, an erasure, a LoRA")
    inspect.add_argument("--json", action="store_true", help="print the answer as JSON")
    verify = commands.add_parser("verify", help="say whether files are as they were written", formatter_class=_Wide)
    verify.description = (
        "Compare files with the checksums in their headers. Exit code 0: all are whole; 1: one is damaged or was "
        "altered; 4: one has no checksum."
    )
    verify.add_argument("files", metavar="FILE", type=Path, nargs="+", help="a .safetensors file that this pack wrote")
    verify.add_argument("--json", action="store_true", help="print the answer as JSON")
    return parser


class _Wide(RawDescriptionHelpFormatter):
    """Options in one column, texts in another that leaves them room."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32)


def _add_erase(parser: ArgumentParser) -> None:
    parser.description = "Write a copy of a checkpoint that has forgotten concepts."
    parser.epilog = EXAMPLES
    what = "the checkpoint, a .safetensors file or a folder of diffusers; it stays as it is"
    parser.add_argument("input", metavar="IN", type=Path, help=what)
    parser.add_argument("output", metavar="OUT", type=Path, nargs="?", help="the checkpoint to write, of the same kind")
    _add_recipe(parser)
    parser.add_argument(
        "--save-erasure", metavar="FILE", type=Path, help="also write the erasure, for RECE Load Erasure"
    )
    _add_files(parser)


def make_recipe_parser() -> ArgumentParser:
    """The parser of what an entry below `erase` in a plan may say: options of the command. It raises ValueError."""
    parser = _Strict(add_help=False, allow_abbrev=False)
    _add_recipe(parser)
    _add_copies(parser.add_argument)
    return parser


class _Strict(ArgumentParser):
    """One whose errors are raised, not printed."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def _add_recipe(parser: ArgumentParser) -> None:
    _add_concepts(parser)
    _add_schedule(parser)
    _add_edit(parser)
    _add_protection(parser)


def _add_library(parser: ArgumentParser) -> None:
    parser.description = (
        "Erase concepts from all checkpoints that a plan names, and write what is left in each into a table; "
        "docs/library.md says what a plan may say. What was done is not done again."
    )
    parser.add_argument("plan", metavar="PLAN", type=Path, help="the plan, a YAML file")
    parser.add_argument("--dry-run", action="store_true", help="check the plan and say what it would take")
    where = "work on a Ray cluster: its address, 'auto' for the one of this machine, 'local' for one of its own"
    parser.add_argument("--ray", metavar="ADDRESS", default="", help=where)
    parser.add_argument("--workers", type=int, default=0, help="with --ray local: how many processes (default: a core)")


def _add_apply(parser: ArgumentParser) -> None:
    parser.description = (
        "Write a copy of a checkpoint with an erasure, from RECE Save Erasure or --save-erasure, applied."
    )
    parser.add_argument("erasure", metavar="ERASURE", type=Path, help="the erasure, a .safetensors file")
    parser.add_argument("input", metavar="IN", type=Path, help="a checkpoint, or a diffusion model, of its family")
    parser.add_argument("output", metavar="OUT", type=Path, nargs="?", help="the checkpoint to write")
    parser.add_argument("--strength", type=float, default=1.0, help="how much of it, 0 to 1 (default: 1)")
    _add_files(parser)


def _add_files(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("files").add_argument
    where = (
        "vocab.json and merges.txt of CLIP (default: those of the ComfyUI around this pack, or that transformers has)"
    )
    add("--tokenizer", metavar="FOLDER", type=Path, help=where)
    _add_copies(add)
    add("--overwrite", action="store_true", help="replace files that are there already")
    add("--dry-run", action="store_true", help="do everything but write; OUT may be left out")
    add("--json", action="store_true", help="print the result as JSON instead of a table")


def _add_copies(add: Callable[..., Any]) -> None:
    copies = "copies of weights in the file, such as model_ema: erase them alike, or drop them (default: alike)"
    add("--copies", choices=CHOICES, default=ALIKE, help=copies)


def _add_concepts(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("what to forget and what to keep").add_argument
    kind = "settles what is left out below: anchor, phrasings, for some targets and texts to preserve (default: custom)"
    captions = "everyday captions to protect, one a line (default: those that ship)"
    add("--kind", choices=PRESETS, default="custom", help=kind)
    add(
        "--target",
        action="append",
        default=[],
        metavar="TEXT",
        help="'name, name => anchor, anchor'; more by more --target",
    )
    add("--targets-file", metavar="FILE", type=Path, help="more targets from a text file, one a line")
    add(
        "--anchor",
        default="",
        metavar="TEXT",
        help="what targets without an anchor act like (default: 'art' for styles, one space for nudity and unsafe, for "
        "all else a relative that the text encoder finds; ' ' for one space)",
    )
    add("--preserve", action="append", default=[], metavar="TEXT", help="a text to keep; more by more --preserve")
    add("--preserve-file", metavar="FILE", type=Path, help="more texts to keep, one a line")
    add("--as-typed", action="store_true", help="erase names as they are, without the phrasings of the kind")
    add("--captions", metavar="FILE", type=Path, help=captions)
    add("--probe", action="append", default=[], metavar="TEXT", help="a text to measure drift on; more by more --probe")


def _add_schedule(parser: ArgumentParser) -> None:
    add, erase = parser.add_argument_group("how long").add_argument, EraseSettings()
    schedule = "search for edit ridge and epochs, take the paper's for the kind, or those below (default: automatic)"
    iteration = "each epoch on top of the last, or from the start with all that was found (default: cumulative)"
    add("--schedule", choices=SCHEDULES, default="automatic", help=schedule)
    add("--thoroughness", type=float, default=0.5, help="automatic: higher leaves less to recover (default: 0.5)")
    add("--carefulness", type=float, default=0.5, help="automatic: higher lets less drift (default: 0.5)")
    add("--iteration", choices=ITERATIONS, default="cumulative", help=iteration)
    add("--epochs", type=int, default=erase.epochs, help="after the first edit, or at most so many (default: 3)")
    add("--derivation-ridge", type=float, default=erase.derivation_ridge, help="(default: %(default)s)")


def _add_edit(parser: ArgumentParser) -> None:
    add, edit = parser.add_argument_group("each edit").add_argument, EditSettings()
    add("--edit-ridge", type=float, default=edit.ridge, help="higher is gentler (default: %(default)s)")
    add("--ridge-scale", choices=(AUTO, *RIDGE_SCALES), default=AUTO, help="how ridges are read (default: auto)")
    add("--erase-scale", type=float, default=edit.erase_scale, help="higher forgets harder (default: %(default)s)")
    add("--preserve-scale", type=float, default=edit.preserve_scale, help="higher keeps more (default: %(default)s)")
    add(
        "--tokens",
        choices=TOKEN_CHOICES,
        default=edit.tokens,
        help="which tokens face the anchor's (default: %(default)s)",
    )
    add("--no-pooled", dest="pooled", action="store_false", help="SDXL: leave the pooled embedding alone")


def _add_protection(parser: ArgumentParser) -> None:
    add, edit, erase = parser.add_argument_group("what protects the rest").add_argument, EditSettings(), EraseSettings()
    add("--mode", choices=MODES, default="prior", help="(default: prior)")
    add("--prior-scale", type=float, default=edit.prior_scale, help="weight of the captions (default: %(default)s)")
    add("--free-share", type=float, default=0.0, help="mode strict: what an edit may read; 0 chooses it (default: 0)")
    add("--seal", type=float, default=1.0, help="strength of the value erasure, 0 for none (default: 1)")
    add("--seal-caution", type=float, default=erase.seal_caution, help="higher spares more (default: %(default)s)")
