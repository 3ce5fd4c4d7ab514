"""RECE Erase unfolded into RECE Concepts and RECE Iterate: the same picture, and what cannot be copied."""

from __future__ import annotations

import io

import numpy as np
import pytest
import requests
from PIL import Image
from playwright.sync_api import expect

from .test_journey import CLASSIC, NEWEST, OWN, VUE, check_unfolded

TYPED = {"kind": "easy object", "targets": "circle, disc", "default_anchor": "cross", "thoroughness": 0.3}
LINK_SLIDER = """() => {
  const number = LiteGraph.createNode("PrimitiveFloat");
  app.graph.add(number);
  const erase = app.graph.nodes.find(({ type }) => type === "ReceErase");
  number.connect(0, erase, erase.inputs.findIndex(({ name }) => name === "thoroughness"));
}"""


@pytest.mark.parametrize(("page", "nodes"), [(OWN, CLASSIC), pytest.param(NEWEST, VUE, marks=pytest.mark.slow)])
def test_unfolded_it_draws_the_same(open_page, page, nodes):
    artist = open_page(page, nodes)
    original = draw(artist)
    artist.press("Control+Shift+X")
    artist.answer("")
    for name, value in TYPED.items():
        artist.choose("ReceErase", name, value)
    folded = draw(artist)
    assert np.abs(folded - original).max() > 30, "control: something is erased"

    artist.command("RECE.UnfoldErase")
    artist.page.wait_for_function("() => app.graph.nodes.some(({ type }) => type === 'ReceIterate')")
    check_unfolded(artist)
    concepts, iterate = (artist.node(type)["values"] for type in ("ReceConcepts", "ReceIterate"))
    values = {**iterate, **concepts}
    assert {name: values[name] for name in TYPED} == TYPED
    assert iterate["carefulness"] == 0.7
    assert np.array_equal(draw(artist), folded)

    artist.choose("ReceConcepts", "default_anchor", "heart")
    assert not np.array_equal(draw(artist), folded), "control: another value, another picture"


def test_a_slider_that_another_node_sets_is_not_unfolded(open_page):
    artist = open_page(OWN, CLASSIC)
    artist.press("Control+Shift+X")
    artist.answer("circle")
    artist.page.evaluate(LINK_SLIDER)
    before = artist.contents()
    artist.command("RECE.UnfoldErase")
    expect(artist.page.get_by_text("Disconnect it first")).to_be_visible()
    assert artist.contents() == before


def draw(artist):
    """The picture that a run gives, (height, width, 3)."""
    ended = artist.run_to_end()
    assert ended["status"]["status_str"] == "success", ended["status"]
    (shown,) = [picture for output in ended["outputs"].values() for picture in output.get("images", [])]
    answer = requests.get(f"{artist.url}/view", params=shown, timeout=30)
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB")).astype(int)
