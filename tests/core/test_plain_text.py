"""What strangers write is shown as text: in the terminal, on charts and on sheets, however long it is."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.text import Text
from safetensors.torch import save_file

from rece_core.benchmarks.comparison import compare_pictures
from rece_core.benchmarks.text_layout import ELLIPSIS, load_font, shorten
from rece_core.command_line import main, progress
from rece_core.reporting import chart
from rece_core.reporting.metrics import EntryChange
from rece_core.sharing.erasure_file import save_erasure
from rece_core.texts.wording import escape_controls
from tests.core.erasures import make_erasure
from tests.core.test_chart import make_metrics
from tests.strangers import ESCAPES, FORMULAS, LONG, LONG_WORDS, MARKUP, find_commands

STRANGE = {**ESCAPES, **MARKUP, **FORMULAS}


@pytest.fixture(params=[True, False], ids=["", "control"])
def escaping(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[bool]:
    """Whether texts are escaped: once as it is, once in a copy that lets them through."""
    if not request.param:
        for module in (main, progress):
            monkeypatch.setattr(module, "escape_controls", lambda text: text)
    yield request.param


@pytest.mark.parametrize("name", ESCAPES)
def test_commands_become_their_numbers(name: str) -> None:
    text = ESCAPES[name]
    assert find_commands(text), "the control: it has some"
    shown = escape_controls(text)
    assert not find_commands(shown)
    assert "\\u" in shown
    assert escape_controls(shown) == shown


@pytest.mark.parametrize("text", ["a cat\n\ta dog", "蛇 שלום 🧑‍🎨 é", *MARKUP.values(), *FORMULAS.values()])
def test_all_other_texts_stay(text: str) -> None:
    assert escape_controls(text) == text


def _name_tensors(name: str, path: Path) -> None:
    save_file({f"model.diffusion_model.{name}": torch.zeros(2)}, path)


def _name_in_header(name: str, path: Path) -> None:
    header = {"format": "pt", "rece": name, name: name, "made on": name, "how": name, "erased": name, "made_by": name}
    save_file({"a": torch.zeros(2)}, path, metadata=header)


def _name_targets(name: str, path: Path) -> None:
    erasure = make_erasure()
    (concept, *others) = erasure.concepts.concepts
    told = replace(erasure.concepts, concepts=(replace(concept, names=(name,)), *others))
    save_erasure(replace(erasure, concepts=told, family=name), path)


PLACES: dict[str, Callable[[str, Path], None]] = {
    "tensors": _name_tensors,
    "header": _name_in_header,
    "targets": _name_targets,
}


@pytest.mark.parametrize("place", PLACES)
def test_inspect_tells_it_without_commands(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], escaping: bool
) -> None:
    told = ""
    for number, text in enumerate(ESCAPES.values()):
        path = tmp_path / f"{number}.safetensors"
        PLACES[place](text, path)
        for more in ([], ["--json"]):
            main.run(["inspect", str(path), *more])
            told += "".join(capsys.readouterr())
    told = told.replace("\n", " ")
    assert bool(find_commands(told)) != escaping


def test_errors_tell_file_names_without_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], escaping: bool
) -> None:
    assert main.run(["inspect", str(tmp_path / "a\x1b[31mb\u202e.safetensors")]) == main.REFUSED
    told = capsys.readouterr().err
    assert ("\\u001b[31mb\\u202e" in told) == escaping
    assert bool(find_commands(told.strip())) != escaping


def test_progress_tells_texts_without_commands(monkeypatch: pytest.MonkeyPatch, escaping: bool) -> None:
    terminal = io.StringIO()
    make = progress.tqdm

    def make_on_terminal(**options: Any) -> Any:
        return make(**{**options, "file": terminal, "disable": False, "mininterval": 0})

    monkeypatch.setattr(progress, "tqdm", make_on_terminal)
    with progress.show_progress() as step:
        for text in ESCAPES.values():
            step(f"encode {text}")
            step(text + LONG)
    # The bar itself goes back to the line's beginning.
    assert bool(find_commands(terminal.getvalue()) - {"\r"}) != escaping


def test_a_chart_has_it_as_text() -> None:
    """Formulas are none, whichever of its texts they are: matplotlib raises for half of one."""
    metrics = make_metrics()
    for text in (*STRANGE.values(), LONG, LONG_WORDS):
        drifts = {"tokens": ((text, 0.1),), text: ((text, 0.1),)}
        records = dict.fromkeys(drifts, metrics.records["tokens"])
        changes = tuple(EntryChange(f"{text[:9]}.{i}.weight", "key", 0.1, "tokens") for i in range(3))
        figure = chart.draw_chart(replace(metrics, concepts=text, drifts=drifts, records=records, changes=changes))
        texts = figure.findobj(Text)
        shown = [each.get_text() for each in texts]
        assert not find_commands("".join(shown)), text[:60]
        assert max(map(len, shown)) < 2 * chart.TITLE_LETTERS
        formulas = [each for each in texts if "$" in each.get_text()]
        assert not [each for each in formulas if each.get_parse_math()]
        assert len(formulas) >= 4 or "$" not in text[:9], "the control: in titles, bars and names of layers"


def test_a_sheet_has_it_as_text() -> None:
    pictures = np.zeros((1, 64, 96, 3), np.uint8)
    plain = compare_pictures([pictures, pictures], ["a", "b"], ["c"])
    for text in (*STRANGE.values(), LONG, LONG_WORDS):
        sheet = compare_pictures([pictures, pictures], [text, "b"], [text])
        assert sheet.shape[1] == plain.shape[1]
        assert sheet.shape[0] < 2 * plain.shape[0]


def test_a_text_is_cut_where_it_no_longer_fits() -> None:
    font = load_font(14)
    for text in ("a cat on a mat " * 8, "W" * 90, "i" * 300, "a\n\tb " * 40, "é" * 50):
        flat = " ".join(text.split())
        for width in (1, 30, 100, 333, 5000):
            cut = flat
            while cut and font.getlength(cut + ELLIPSIS) > width:
                cut = cut[:-1]
            whole = font.getlength(flat) <= width
            assert shorten(text, font, width) == (flat if whole else cut.rstrip() + ELLIPSIS)
