"""Tables that scripts put into documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.marks import fill_marks


def test_what_stands_between_the_marks_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("before\n<!-- one -->\nold\n<!-- end of one -->\n<!-- two -->\n<!-- end of two -->\nafter\n")
    for _ in range(2):
        fill_marks(document, "one", "new\n\n")
        fill_marks(document, "two", "| é |")
    expected = "<!-- one -->\nnew\n<!-- end of one -->\n<!-- two -->\n| é |\n<!-- end of two -->\n"
    assert document.read_text("utf-8") == f"before\n{expected}after\n"


def test_missing_marks_are_told_and_the_document_stays(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("<!-- one -->\nold\n")
    with pytest.raises(ValueError, match=r"a\.md has no marks <!-- one --> and <!-- end of one -->; put both back"):
        fill_marks(document, "one", "new")
    assert document.read_text() == "<!-- one -->\nold\n"
