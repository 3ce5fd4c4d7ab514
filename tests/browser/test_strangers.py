"""A stranger's workflow on the page: what it says is shown as text, and what it keeps as a result can't break it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.strangers import ESCAPES, MARKUP

from .test_journey import CLASSIC, NEWEST, OWN, QUICK, RESULT, VUE
from .test_panels import PLANNED

OWNED = "() => window.owned ?? null"
EPOCH = {"epoch": 0, "forgotten": 0.99, "recoverable": 0.1, "drift": 0.01}
LOOKS = [(OWN, CLASSIC), pytest.param(NEWEST, VUE, marks=pytest.mark.slow)]


def keep(artist, result):
    """Open the workflow again, with this kept in RECE Iterate as its result."""
    workflow = artist.saved()
    for node in workflow["nodes"]:
        if node["type"] == "ReceIterate":
            node["properties"]["rece_result"] = result
    artist.load(workflow)


@pytest.mark.parametrize(("page", "nodes"), LOOKS)
def test_texts_are_text(open_page, page, nodes):
    artist = open_page(page, nodes)
    artist.erase_by_two("circle")
    artist.page.evaluate(QUICK)
    for text in (*MARKUP.values(), ESCAPES["right to left"]):
        artist.look_at("ReceConcepts")
        artist.fill("ReceConcepts", "targets", f"{text} => {text}s")
        expect(artist.panel(PLANNED)).to_contain_text(text.strip())
        artist.fill("ReceConcepts", "targets", f"{text}\n{text}")
        expect(artist.panel(PLANNED)).to_contain_text("is listed twice")
        hostile = {
            "kind": "erasure",
            "concepts": [{"names": [text], "anchors": [text]}],
            "epochs": [EPOCH, {**EPOCH, "epoch": 1}],
            "note": text,
            "others": [{"stream": text, **EPOCH}],
            "report": text,
        }
        for result in (hostile, {"kind": "attack", "target": text, "attacks": [], "report": text}):
            keep(artist, result)
            artist.look_at("ReceIterate")
            expect(artist.page.locator(".rece-result")).to_contain_text(text)
        keep(artist, {"kind": "failure", "reason": text})
        expect(artist.page.locator(".rece-result")).to_contain_text(f"Stopped: {text}")
    artist.page.wait_for_timeout(500)
    assert artist.page.evaluate(OWNED) is None
    # The control: the same text as HTML is run.
    artist.page.evaluate("(text) => { document.body.insertAdjacentHTML('beforeend', text); }", MARKUP["an image"])
    artist.page.wait_for_function("() => window.owned === 1")


def test_what_is_kept_as_a_result_may_be_anything(open_page):
    artist = open_page(OWN, CLASSIC)
    artist.erase_by_two("circle")
    for strange in ("text", 7, [], {"kind": "erasure"}, {"kind": "failure", "reason": {}}, {"kind": "attack"}):
        keep(artist, strange)
        artist.look_at("ReceIterate")
        expect(artist.panel(RESULT)).to_be_visible()
    assert {"ReceConcepts", "ReceIterate"} <= {node["type"] for node in artist.nodes()}
