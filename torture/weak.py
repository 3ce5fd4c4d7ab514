"""Deliberately weakened copies of the code: what a campaign must catch, else it would prove nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .campaign import ROOT
from .saves import run_saves

COPIED = ("rece_core", "torture", "harness")
STORAGE = "rece_core/storage"
OPEN = 'with open({}, "wb") as file:\n'


@dataclass(frozen=True)
class Weakness:
    """What is taken out of a file of the code, (old, new) each, and the attack that must see it.

    attack: arguments of `torture.saves`; none for the campaign of parsers, on `only`.
    """

    file: str
    changes: tuple[tuple[str, str], ...]
    attack: tuple[str, ...] = ()
    only: str = ""


WEAKNESSES = {
    "no rename": Weakness(
        f"{STORAGE}/atomic_file.py",
        ((f"{OPEN.format('partial')}            yield", f"{OPEN.format('path')}            yield"),
         ("        os.replace(partial, path)\n        flush", "        flush")),
        ("deaths", "--scene", "erasure"),
    ),
    "no cleanup": Weakness(
        f"{STORAGE}/partial.py", (("    clear_leftovers(path.parent)\n", ""),), ("deaths", "--scene", "prior cache")
    ),
    "links not followed": Weakness(
        f"{STORAGE}/atomic_file.py",
        (("return Path(os.path.realpath(path))", "return path"),),
        ("deaths", "--scene", "erasure, through a link"),
    ),
    "no lock": Weakness(
        "rece_core/benchmarks/results_table.py",
        (("with hold_lock(find_target(path)):", "if True:"),),
        ("rivals", "--scene", "results table"),
    ),
    "numbers taken without a look": Weakness(
        f"{STORAGE}/atomic_file.py", (("os.link(partial, path)", "os.replace(partial, path)"),),
        ("rivals", "--scene", "LoRA"),
    ),
    "no comparison of checksums": Weakness(
        f"{STORAGE}/checksum.py",
        (("if total.hexdigest().encode() == places[0][1]:", "if total:"),),
        ("altered", "--scene", "erasure"),
    ),
    "a parser without a bound": Weakness(
        "rece_core/sharing/stored_erasure.py",
        (("if shapes[0] != shapes[1] or len(shapes[0]) != 2:", "if not shapes:"),),
        only="erasure",
    ),
}  # fmt: skip


#: Which of them stand beside which rows, by how the names of those end.
CONTROLS = {
    "killed": ("no rename", "no cleanup"),
    "failed": ("no rename", "links not followed"),
    "two at once": ("no lock", "numbers taken without a look"),
    "altered": ("no comparison of checksums",),
    "parsed": ("a parser without a bound",),
}


def is_caught(weakness: Weakness) -> bool:
    """Whether the attack finds anything in a copy of the code with that weakness."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in COPIED:
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        path = root / weakness.file
        text = path.read_text("utf-8")
        for old, new in weakness.changes:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        path.write_text(text, "utf-8")
        if weakness.attack:
            return any(row["failed"] for row in run_saves(*weakness.attack, root=root))
        few = ("--only", weakness.only, "--share", "0.01", "--no-reduce", "--parsers")
        command = [sys.executable, "-m", "torture", str(root / "out"), *few]
        return subprocess.run(command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 1


def tell_controls(name: str, caught: Mapping[str, bool]) -> str:
    """What stands beside the row `name`: which weakened copies it was tried on, and whether they were caught."""
    beside = CONTROLS.get(name.rpartition(", ")[2], ())
    return "; ".join(f"{each}: {'caught' if caught[each] else 'NOT CAUGHT'}" for each in beside if each in caught)
