"""What the page asks the server while somebody types."""

from __future__ import annotations

import pytest
import requests

from rece_core.texts.presets import PRESETS


def _post(client, content):
    return requests.post(f"{client.url}/api/rece/tokens", json=content, timeout=30)


def test_kinds_are_the_engines_presets(client):
    kinds = client.get("/api/rece/kinds")
    assert list(kinds) == list(PRESETS)
    assert kinds["style"]["anchor"] == "art" and kinds["style"]["epochs"] == 1
    assert kinds["unsafe"]["targets"] == list(PRESETS["unsafe"].targets)


def test_tokens_are_those_of_the_hosts_tokenizer(client):
    texts = ["", " ", "van gogh", "a photo of a cat", "(cat:1.3)", "embedding:name", " ".join(["cat"] * 80)]
    answer = _post(client, {"texts": texts}).json()
    assert answer["limit"] == 75
    assert answer["counts"][:4] == [0, 0, 2, 5]
    assert answer["counts"][4] > 1  # not a weight
    assert answer["counts"][6] == 80


@pytest.mark.parametrize("content", [[], {}, {"texts": "cat"}, {"texts": [1]}, {"texts": ["cat"] * 2001}])
def test_what_is_not_a_list_of_texts_is_refused(client, content):
    answer = _post(client, content)
    assert answer.status_code == 400
    assert "expected" in answer.json()["error"]
