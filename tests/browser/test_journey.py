"""From a right click to a result, as somebody does it who has never read a paper."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from playwright.sync_api import expect

OWN, NEWEST = "own", "newest"
CLASSIC, VUE = "classic", "nodes 2.0"
# A target for each, so that each is computed: what a server has done already it only sends again.
LOOKS = [
    (OWN, CLASSIC, "circle"),
    pytest.param(OWN, VUE, "star", marks=pytest.mark.slow),
    pytest.param(NEWEST, CLASSIC, "circle", marks=pytest.mark.slow),
    (NEWEST, VUE, "star"),
]
RESULT = "Result of the erasure"
# The quick way through RECE Iterate: as the paper has it, with no captions to read first.
QUICK = """() => {
  const node = app.graph.nodes.find(({ type }) => type === "ReceIterate");
  const widget = node.widgets.find(({ name }) => name === "schedule");
  widget.value = "paper";
  widget.callback?.("paper");
}"""


@pytest.mark.parametrize(("page", "nodes", "target"), LOOKS)
def test_from_the_menu_to_a_result_that_stays(open_page, page, nodes, target):
    sentence = re.compile(rf"'{target}' (now )?acts like 'square'.*others moved by [\d.]+\s%\.forgotten")
    artist = open_page(page, nodes)
    before = artist.contents()
    ask(artist, page, nodes)
    artist.decline()
    assert artist.contents() == before

    ask(artist, page, nodes)
    artist.answer(f"{target} => square")
    assert artist.node("ReceErase")["values"]["targets"] == f"{target} => square"
    check_inserted(artist)
    planned = artist.panel("What will be erased")
    expect(planned).to_contain_text("→ 'square'")
    expect(planned).not_to_contain_text("The paper's choice")  # RECE Erase does not take it
    choose_entry(artist, page, nodes, "ReceErase", "Unfold into RECE Concepts and RECE Iterate", "sitemap")
    assert artist.node("ReceConcepts")["values"]["targets"] == f"{target} => square"
    check_unfolded(artist)

    artist.page.evaluate(QUICK)
    artist.run()
    result = artist.panel(RESULT)
    expect(result).to_contain_text(sentence)
    expect(result.get_by_role("img")).to_be_visible()
    result.get_by_role("button", name="Copy as text").press("Enter")
    expect(result.get_by_role("button", name="Copied")).to_be_visible()
    assert "first edit" in artist.page.evaluate("() => navigator.clipboard.readText()")

    steps = 0
    while artist.node("ReceIterate")["values"]["schedule"] == "paper":
        artist.press("Control+Z")  # the page itself may have made a step of its progress in words
        artist.page.wait_for_timeout(2000)
        steps += 1
    expect(result).to_contain_text(sentence)
    for _ in range(steps):
        artist.press("Control+Y")
        artist.page.wait_for_timeout(2000)
    artist.page.reload()
    expect(result).to_contain_text(sentence)


@pytest.mark.parametrize(("page", "nodes"), [(OWN, CLASSIC), (NEWEST, VUE)])
def test_keys_alone_and_one_step_back(open_page, page, nodes):
    artist = open_page(page, nodes)
    before = artist.contents()
    places = [node["pos"] for node in artist.saved()["nodes"]]
    artist.press("Control+Shift+X")
    artist.answer("circle")
    check_inserted(artist)
    artist.press("Control+Z")
    artist.page.wait_for_function("() => app.graph.nodes.length === 6")
    assert artist.contents() == before
    assert [node["pos"] for node in artist.saved()["nodes"]] == places


def ask(artist, page, nodes):
    """Choose to erase a concept."""
    choose_entry(artist, page, nodes, "ReceDemoModel", "Erase a concept", "eraser")


def choose_entry(artist, page, nodes, type, entry, icon):
    """Choose something from a node's menu, or from its buttons where the menu has no entries of packs."""
    if (page, nodes) == (OWN, VUE):
        artist.select(type)
        artist.page.locator(f".selection-toolbox .pi-{icon}").click()
    else:
        artist.right_click(type, entry)


def check_inserted(artist, type="ReceErase"):
    erasing = artist.node(type)
    assert erasing["inputs"]["model"][0] == erasing["inputs"]["clip"][0] == "ReceDemoModel"
    assert artist.node("KSampler")["inputs"]["model"] == [type, 0, erasing["id"]]
    assert artist.node("CLIPTextEncode")["inputs"]["clip"][0] == "ReceDemoModel"
    check_apart(artist)


def check_unfolded(artist):
    check_inserted(artist, "ReceIterate")
    assert artist.node("ReceIterate")["inputs"]["concepts"][2] == artist.node("ReceConcepts")["id"]
    assert "ReceErase" not in [node["type"] for node in artist.nodes()]


def check_apart(artist):
    for one, other in combinations([node["box"] for node in artist.nodes()], 2):
        assert not overlap(one, other), artist.nodes()


def overlap(one, other):
    return all(one[axis] < other[axis] + other[axis + 2] and other[axis] < one[axis] + one[axis + 2] for axis in (0, 1))
