"""The texts of every language, as the nodes tell them and as the host serves them."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

import pytest

from harness.locales import ENGLISH, FILES, FOLDER, describe_nodes, flatten, list_languages
from harness.server import Server


def test_english_is_what_the_nodes_say(object_info: Mapping[str, Any]) -> None:
    """After a change to a node run `python -m harness.locales URL`, and translate what it lists."""
    written = json.loads((FOLDER / ENGLISH / "nodeDefs.json").read_text("utf-8"))
    assert flatten(written) == flatten(describe_nodes(object_info))


@pytest.mark.parametrize("language", [ENGLISH, *list_languages()])
def test_the_page_gets_them(server: Server, language: str) -> None:
    without_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with without_proxy.open(f"{server.url}/i18n", timeout=30) as answer:
        served = json.loads(answer.read())[language]
    for file in FILES:
        content = json.loads((FOLDER / language / f"{file}.json").read_text("utf-8"))
        found = served if file == "main" else served.get(file, {})
        assert flatten(content).items() <= flatten(found).items(), file
