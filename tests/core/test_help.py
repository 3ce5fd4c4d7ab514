"""The nodes' help pages: every node, every language, every input, under the same headings."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness.environment import ROOT
from harness.locales import ENGLISH, FOLDER, list_languages

PAGES = ROOT / "web" / "docs"
HEADINGS = {
    "Inputs": {"zh": "输入", "ja": "入力"},
    "Kinds": {"zh": "类别", "ja": "種類"},
    "Modes": {"zh": "模式", "ja": "モード"},
    "Value erasure": {"zh": "值擦除", "ja": "バリュー消去"},
    "Operator": {"zh": "算子", "ja": "演算子"},
    "LoRA": {"zh": "LoRA", "ja": "LoRA"},
    "Example": {"zh": "示例", "ja": "例"},
    "Reading the numbers": {"zh": "怎样读数字", "ja": "数値の読み方"},
    "Common mistakes": {"zh": "常见错误", "ja": "よくある間違い"},
    "Good to know": {"zh": "须知", "ja": "知っておくとよいこと"},
}
LANGUAGES = (ENGLISH, *list_languages())
NODES: dict[str, dict[str, Any]] = {
    language: json.loads((FOLDER / language / "nodeDefs.json").read_text("utf-8")) for language in LANGUAGES
}


def locate_page(node: str, language: str) -> Path:
    """As the page looks for it: a node's folder has its languages, and English stands in for those it lacks."""
    return PAGES / f"{node}.md" if language == ENGLISH else PAGES / node / f"{language}.md"


def list_headings(page: str) -> list[str]:
    """The headings of second order, those in code left out."""
    return re.findall(r"^## (.+)$", re.sub(r"^```.*?^```", "", page, flags=re.M | re.S), flags=re.M)


def test_these_are_all() -> None:
    expected = {locate_page(node, language) for node in NODES[ENGLISH] for language in LANGUAGES}
    assert set(PAGES.rglob("*.md")) == expected


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("node", NODES[ENGLISH])
def test_a_page(node: str, language: str) -> None:
    page, told = locate_page(node, language).read_text("utf-8"), NODES[language][node]
    assert page.startswith(f"# {told['display_name']}\n"), "named as the node is"
    english = list_headings(locate_page(node, ENGLISH).read_text("utf-8"))
    needed = {"Example", "Reading the numbers", "Common mistakes"} | ({"Inputs"} if told.get("inputs") else set())
    assert needed <= set(english)
    assert list_headings(page) == [each if language == ENGLISH else HEADINGS[each][language] for each in english]
    inputs = {name: texts["name"] for name, texts in told.get("inputs", {}).items() if "tooltip" in texts}
    for name, label in inputs.items():
        assert f"`{name}`" in page, "its name as workflows have it"
        assert language == ENGLISH or f"{label} `{name}`" in page, "its name as the page shows it"


@pytest.mark.parametrize("language", list_languages())
@pytest.mark.parametrize("node", NODES[ENGLISH])
def test_a_translation_has_what_the_english_page_has(node: str, language: str) -> None:
    """As many rows of tables, entries of lists and blocks of code."""
    counts = [
        [len(re.findall(mark, locate_page(node, each).read_text("utf-8"), flags=re.M)) for each in (ENGLISH, language)]
        for mark in (r"^\|", r"^(?:- |\d\. )", r"^```", r"arXiv")
    ]
    assert [english for english, _ in counts] == [translated for _, translated in counts]
