"""What a program may import of the engine, the page that explains it, and its picture."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

import rece_core
from harness.architecture import PAGE, draw, find_uses


def test_the_example_of_the_page_runs_and_forgets(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    found: dict[str, Any] = {}
    exec(example, found)  # noqa: S102 - it is the page's own
    assert "snoopy => a dog" in capsys.readouterr().out
    assert set(found["edited"]) == {name for name in found["stored"] if "to_out" not in name}
    target, anchor = (found["encode"](text)["tokens"].tokens[1:] for text in ("snoopy", "a dog"))
    for name, edited in found["edited"].items():
        wanted = anchor @ found["stored"][name].T
        before = torch.dist(target @ found["stored"][name].T, wanted)
        assert torch.dist(target @ edited.T, wanted) < 0.5 * before


def test_what_is_exported_is_there_once_and_in_order() -> None:
    assert rece_core.__all__ == sorted(set(rece_core.__all__))
    assert all(hasattr(rece_core, name) for name in rece_core.__all__)


def test_the_picture_of_the_page_is_that_of_the_imports() -> None:
    assert draw(find_uses()) in PAGE.read_text("utf-8"), "run python -m harness.architecture"


def test_an_arrow_that_others_imply_is_left_out() -> None:
    picture = draw({"top": {"middle", "bottom"}, "middle": {"bottom"}, "bottom": set()})
    assert picture == "```mermaid\ngraph TD\n  top --> middle\n  middle --> bottom\n```"
