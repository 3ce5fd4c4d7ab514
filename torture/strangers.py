"""Texts of strangers, drawn from all that could command a terminal or break a chart, wherever the engine shows texts.

    python -m torture.strangers FOLDER --texts 2000

writes `strangers.json` into the folder. The control is the same engine with texts shown as they are.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from matplotlib.text import Text
from safetensors.torch import save_file
from tqdm import tqdm

from rece_core.benchmarks import text_layout
from rece_core.benchmarks.comparison import compare_pictures
from rece_core.command_line import main as command_line
from rece_core.command_line import progress
from rece_core.erasing.erase import EpochRecord
from rece_core.reporting import chart
from rece_core.reporting.metrics import EntryChange, ErasureMetrics
from tests.strangers import ESCAPES, FORMULAS, MARKUP, find_commands

from .rows import Row, write_row

PIECES = [*ESCAPES.values(), *MARKUP.values(), *FORMULAS.values(), "a cat", " ", "../", "é", "蛇", "🧑‍🎨", "\n", "\t"]
ESCAPING = (command_line, progress, chart, text_layout)
RECORD = EpochRecord(0, 0.9, 0.1, 1.5, 0.02, 10, 99.0, 0.1)
PICTURE = np.zeros((1, 32, 48, 3), np.uint8)


def draw_text(random: Random) -> str:
    """Some pieces in a row, now and then very many."""
    count = random.choice([1, 2, 3, 5, 8, 300])
    return "".join(random.choices(PIECES, k=count))


def inspect(text: str, folder: Path) -> str:
    """What `inspect` says of a file with this in its header, and as the name of a tensor."""
    path = folder / "strange.safetensors"
    save_file({text.replace("\x00", "")[:500]: torch.zeros(2)}, path, metadata={"erased": text, text: text})
    return _run("inspect", path) + _run("inspect", path, "--json")


def miss(text: str, folder: Path) -> str:
    """What is said of a file of this name that is not there."""
    return _run("inspect", folder / text.replace("\x00", "")[:50])


def progress_of(text: str, folder: Path) -> str:
    """What the bar on a terminal says."""
    terminal, make = io.StringIO(), tqdm

    def on_terminal(**options: Any) -> Any:
        return make(**{**options, "file": terminal, "disable": False, "mininterval": 0})

    with patch.object(progress, "tqdm", on_terminal), progress.show_progress() as step:
        step(text)
    return terminal.getvalue().replace("\r", "")


def chart_of(text: str, folder: Path) -> str:
    """The texts of a chart; matplotlib raises for what it takes for half a formula."""
    changes = tuple(EntryChange(f"{text[:9]}.{number}.weight", "key", 0.1, "tokens") for number in range(3))
    inputs = dict.fromkeys(("tokens", text))
    figure = chart.draw_chart(
        ErasureMetrics(text, dict.fromkeys(inputs, (RECORD,)), changes, dict.fromkeys(inputs, ((text, 0.1),)))
    )
    texts = figure.findobj(Text)
    formulas = [each.get_text() for each in texts if "$" in each.get_text() and each.get_parse_math()]
    return "".join(each.get_text() for each in texts) + "".join(f"\x1b{each}" for each in formulas)


def sheet_of(text: str, folder: Path) -> str:
    """Nothing, where the sheet could be drawn in its size."""
    sheet = compare_pictures([PICTURE, PICTURE], [text, "after"], [" ".join(text.split()) or "a"])
    return "" if sheet.shape[0] < 400 and sheet.shape[1] < 400 else f"\x1b{sheet.shape}"


PLACES: dict[str, Callable[[str, Path], str]] = {
    "inspect": inspect,
    "an error": miss,
    "progress": progress_of,
    "chart": chart_of,
    "sheet": sheet_of,
}


def find_shown(texts: int, seed: int) -> Iterator[str]:
    """The places where a text is shown with its commands, or breaks what shows it."""
    random = Random(seed)
    with tempfile.TemporaryDirectory() as name:
        for _ in range(texts):
            text, folder = draw_text(random), Path(name)
            for place, show in PLACES.items():
                try:
                    told = show(text, folder).replace("\n", " ")
                except Exception as error:
                    yield f"{place}: {type(error).__name__} for {text[:60]!a}"
                else:
                    if find_commands(told):
                        yield f"{place}: {text[:60]!a}"


@contextlib.contextmanager
def showing_everything() -> Iterator[None]:
    """Within it, texts are shown as they are: the control."""
    with contextlib.ExitStack() as patched:
        for module in ESCAPING:
            patched.enter_context(patch.object(module, "escape_controls", lambda text: text))
        yield


def _run(*arguments: object) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        command_line.run(list(map(str, arguments)))
    return out.getvalue()


def main() -> int:
    """Show all texts in all places, write what was found, and return 1 where a text was more than a text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    found = list(find_shown(given.texts, given.seed))
    some = max(1, given.texts // 10)
    with showing_everything():
        caught = list(find_shown(some, given.seed))
    control = f"with texts shown as they are, {len(caught)} of {some * len(PLACES)} are caught"
    row = Row("strangers", given.texts * len(PLACES), len(found), control, "; ".join(found[:5]))
    write_row(given.folder, row)
    return 1 if found or not caught else 0


if __name__ == "__main__":
    sys.exit(main())
