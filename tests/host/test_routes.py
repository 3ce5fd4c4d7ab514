"""What the page asks the server while somebody types."""

from __future__ import annotations

import json

import pytest
import requests

from rece_core.texts.presets import PRESETS

JSON = {"Content-Type": "application/json"}
TYPED = {"kind": "custom", "targets": "", "default_anchor": "", "preserve": "", "phrasings": "as typed"}


def _post(client, content):
    body = content if isinstance(content, str) else json.dumps(content)
    return requests.post(f"{client.url}/api/rece/concepts", data=body, headers=JSON, timeout=30)


def _read(client, **typed):
    answer = _post(client, {**TYPED, **typed})
    answer.raise_for_status()
    return answer.json()


def test_kinds_are_the_engines_presets(client):
    kinds = client.get("/api/rece/kinds")
    assert list(kinds) == list(PRESETS)
    assert kinds["style"]["anchor"] == "art" and kinds["style"]["epochs"] == 1
    assert kinds["unsafe"]["targets"] == list(PRESETS["unsafe"].targets)


def test_concepts_are_read_as_the_node_reads_them(client):
    read = _read(client, kind="style", targets="van gogh, vincent => a night\n\ndali", preserve=" Rembrandt\n")
    assert read["concepts"] == [
        {
            "line": 1,
            "names": [{"text": "van gogh", "tokens": 2}, {"text": "vincent", "tokens": 1}],
            "anchors": [{"text": "a night", "tokens": 2}],
        },
        {"line": 3, "names": [{"text": "dali", "tokens": 1}], "anchors": [{"text": "art", "tokens": 1}]},
    ]
    assert (read["problems"], read["limit"]) == ([], 75)
    assert read["suggestions"] == ["Claude Monet", "Pablo Picasso", "Katsushika Hokusai", "Andy Warhol", "Caravaggio"]
    assert read["preset"] == client.get("/api/rece/kinds")["style"]


def test_the_kinds_own_targets_stand_in(client):
    read = _read(client, kind="nudity", preserve="Nudity")
    assert [(each["line"], each["names"][0]["text"]) for each in read["concepts"]] == [(0, "nudity")]
    assert [(each["code"], each["line"]) for each in read["problems"]] == [("preservedToo", 0)]
    assert [each["code"] for each in _read(client)["problems"]] == ["noTarget"]


def test_every_mistake_is_told_with_its_line(client):
    long = " ".join(["cat"] * 74)
    targets = f"snoopy\n=> art\nvan gogh => Van Gogh\nsnoopy\n{long}"
    told = _read(client, targets=targets, preserve="a photo of a snoopy", phrasings="by kind")["problems"]
    assert [(each["code"], each["line"], each["text"], each["count"]) for each in told] == [
        ("noName", 2, "", 0),
        ("anchorIsTarget", 3, "van gogh", 0),
        ("preservedToo", 1, "snoopy", 0),
        ("twice", 4, "snoopy", 0),
        ("preservedToo", 4, "snoopy", 0),
        ("tooLong", 5, long, 78),  # with 'a photo of a'
    ]


def test_tokens_are_those_of_the_hosts_tokenizer(client):
    texts = ["a photo of a cat", "(cat:1.3)", "embedding:name", " ".join(["cat"] * 80)]
    read = _read(client, targets="\n".join([*texts, "snoopy =>"]))
    tokens = [each["names"][0]["tokens"] for each in read["concepts"]]
    assert tokens[0] == 5
    assert tokens[1] > 1  # not a weight
    assert tokens[3] == 80
    assert read["concepts"][0]["anchors"] == [], "chosen when it runs"
    assert read["concepts"][4]["anchors"] == [{"text": " ", "tokens": 0}]
    assert [(each["code"], each["line"]) for each in read["problems"]] == [("tooLong", 4)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "expected an object of strings named kind, targets"),
        ([], "expected an object of strings named kind, targets"),
        ({}, "expected an object of strings named kind, targets"),
        ({**TYPED, "targets": ["cat"]}, "expected an object of strings named kind, targets"),
        ({**TYPED, "more": ""}, "expected an object of strings named kind, targets"),
        ({**TYPED, "kind": "cats"}, "unknown kind 'cats'. Expected one of: nudity, unsafe"),
        ({**TYPED, "phrasings": "loud"}, "phrasings is 'loud'; expected 'as typed' or 'by kind'"),
        ({**TYPED, "targets": "cat " * 50_001}, "letters; expected at most 200000. Write fewer texts"),
        ({**TYPED, "targets": ",".join(map(str, range(2001)))}, "texts; expected at most 2000. Write fewer texts"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(client, content, message):
    answer = _post(client, content)
    assert answer.status_code == 400
    assert message in answer.json()["error"]
