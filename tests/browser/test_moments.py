"""Moments of an artist's day beside the first result: cancel, templates, blueprint, saving, settings, keys alone."""

from __future__ import annotations

import json
import re

import pytest
import requests
from playwright.sync_api import expect

from harness.environment import ROOT

from .test_journey import CLASSIC, NEWEST, OWN, QUICK, RESULT, VUE

LOOKS = [pytest.param(OWN, CLASSIC, marks=pytest.mark.slow), (NEWEST, VUE)]
COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "black", "white")
SHAPES = ("circle", "star")
MANY = "\n".join(f"a {colour} {shape} => a square" for colour in COLOURS for shape in SHAPES)
TEMPLATES = {
    path.stem: sorted(node["type"] for node in json.loads(path.read_text("utf-8"))["nodes"])
    for path in sorted((ROOT / "example_workflows").glob("*.json"))
}
TYPES = "() => app.graph.nodes.map(({ type }) => type).toSorted()"
# Connects a node's first outputs, given by number, to the inputs of another that are named.
CONNECT = """([from, slot, to, input]) => {
  const find = (key) => app.graph.nodes.find((node) => node.type === key || node.title === key);
  const target = find(to);
  find(from).connect(slot, target, target.inputs.findIndex(({ name }) => name === input));
}"""
ADD = "([type, x, y]) => { const node = LiteGraph.createNode(type); node.pos = [x, y]; app.graph.add(node); }"
ITERATE = "app.graph.nodes.find(({ type }) => type === 'ReceIterate')"
PROGRESS = f"""() => {ITERATE}.widgets
  .some(({{ name, value }}) => name === "$$node-text-preview" && /encode|epoch/.test(value))"""


@pytest.mark.parametrize(("page", "nodes"), LOOKS)
def test_a_cancelled_run_says_so_and_the_next_one_works(open_page, page, nodes):
    artist = open_page(page, nodes)
    artist.erase_by_two("circle")
    artist.fill("ReceConcepts", "targets", MANY)
    artist.choose("ReceIterate", "schedule", "manual")
    artist.choose("ReceIterate", "epochs", 50)
    before = describe(artist)
    artist.run()
    artist.page.wait_for_function(PROGRESS, polling=500)  # frames may be rare on a busy machine
    artist.command("Comfy.Interrupt")
    expect(artist.panel(RESULT)).to_contain_text("Cancelled. Nothing was changed.")
    assert describe(artist) == before
    assert requests.get(f"{artist.url}/queue", timeout=30).json()["queue_running"] == []

    artist.fill("ReceConcepts", "targets", "circle => square")
    artist.page.evaluate(QUICK)
    artist.run()
    expect(artist.panel(RESULT)).to_contain_text(re.compile("'circle' (now )?acts like 'square'"))


def describe(artist):
    """Nodes, links and values; not the page's own text of progress, which it keeps among the values."""
    return [
        [
            node["id"],
            node["inputs"],
            {name: value for name, value in node["values"].items() if not name.startswith("$$")},
        ]
        for node in artist.nodes()
    ]


@pytest.mark.parametrize(("page", "nodes"), LOOKS)
def test_every_template_opens_with_all_its_nodes(open_page, page, nodes):
    """That each runs as well is tested where no page is needed, in tests/host/test_workflows.py."""
    artist = open_page(page, nodes)
    for name, types in TEMPLATES.items():
        artist.open_template(name, types)
        missing = artist.page.evaluate(
            f"() => ({TYPES})().filter((type) => !(type in LiteGraph.registered_node_types))"
        )
        assert missing == [], name


@pytest.mark.parametrize(("page", "nodes"), LOOKS)
def test_the_blueprint_is_found_wired_and_run(open_page, page, nodes):
    artist = open_page(page, nodes)
    artist.page.mouse.dblclick(800, 800)
    artist.page.wait_for_timeout(1000)
    artist.page.keyboard.type("Erase a concept")
    expect(artist.page.get_by_text("Erase a concept").first).to_be_visible()
    artist.page.wait_for_timeout(1500)
    artist.page.keyboard.press("Enter")
    artist.page.wait_for_timeout(1500)
    artist.page.mouse.click(800, 800)  # where newer pages put it down
    artist.page.wait_for_function("() => app.graph.nodes.some(({ title }) => title === 'Erase a concept')")
    for link in (
        ["ReceDemoModel", 0, "Erase a concept", "model"],
        ["ReceDemoModel", 1, "Erase a concept", "clip"],
        ["Erase a concept", 0, "KSampler", "model"],
    ):
        artist.page.evaluate(CONNECT, link)
    (erase,) = [node for node in artist.nodes() if node["title"] == "Erase a concept"]
    (targets,) = [
        name for name in erase["values"] if name.endswith("targets")
    ]  # older pages put the node's id before it
    artist.choose(erase["type"], targets, "ring => square")
    ended = artist.run_to_end()
    assert ended["status"]["status_str"] == "success"
    (shown,) = [output["rece"][0] for output in ended["outputs"].values() if "rece" in output]
    assert shown["concepts"] == [{"names": ["ring"], "anchors": ["square"]}]


@pytest.mark.parametrize(("page", "nodes"), LOOKS)
def test_a_checkpoint_and_a_lora_are_saved(open_page, start_page_server, page, nodes):
    artist = open_page(page, nodes)
    artist.erase_by_two("heart => square")
    artist.page.evaluate(QUICK)
    artist.page.evaluate(ADD, ["ReceSaveCheckpoint", 900, 900])
    artist.page.evaluate(ADD, ["ReceSaveErasure", 1400, 900])
    for link in (
        *(["ReceDemoModel", slot, "ReceSaveCheckpoint", name] for slot, name in ((1, "clip"), (2, "vae"))),
        *(["ReceIterate", slot, "ReceSaveCheckpoint", name] for slot, name in ((0, "model"), (1, "erasure"))),
        ["ReceIterate", 1, "ReceSaveErasure", "erasure"],
        ["ReceDemoModel", 0, "ReceSaveErasure", "model"],
    ):
        artist.page.evaluate(CONNECT, link)
    artist.choose("ReceSaveErasure", "format", "LoRA")
    assert artist.run_to_end()["status"]["status_str"] == "success"
    output = start_page_server(page).output
    assert list((output / "checkpoints").rglob("*.safetensors"))
    assert list((output / "loras").rglob("*.safetensors"))


@pytest.mark.parametrize(("page", "nodes"), LOOKS)
def test_settings_take_effect_at_once(open_page, page, nodes):
    artist = open_page(page, nodes)
    artist.erase_by_two("circle")
    for panel, setting in (("What will be erased", "RECE.CheckConcepts"), (RESULT, "RECE.ShowResults")):
        content = artist.panel(panel).locator(".rece-content")
        expect(content).to_be_visible()
        artist.set(setting, False)
        expect(content).to_be_hidden()
        artist.set(setting, True)
        expect(content).to_be_visible()


def test_what_few_people_need_is_folded_until_it_counts(open_page):
    artist = open_page(NEWEST, VUE)
    artist.erase_by_two("circle")
    iterate = artist.page.locator(f'[data-node-id="{artist.node("ReceIterate")["id"]}"]')
    expect(iterate.get_by_text("thoroughness")).to_be_visible()
    expect(iterate.get_by_text("epochs")).to_be_hidden()
    values = artist.node("ReceIterate")["values"]
    artist.choose("ReceIterate", "schedule", "manual")
    expect(iterate.get_by_text("epochs")).to_be_visible()
    assert artist.node("ReceIterate")["values"] == {**values, "schedule": "manual"}


def test_a_template_keeps_no_room_for_what_is_folded(open_page):
    artist = open_page(NEWEST, VUE)
    artist.load(json.loads((ROOT / "example_workflows" / "02 Erase several things at once.json").read_text("utf-8")))
    unfolded = artist.page.evaluate(f"() => ({ITERATE}).computeSize()[1]")
    artist.page.wait_for_function(f"(unfolded) => ({ITERATE}).size[1] < unfolded - 300", arg=unfolded)


@pytest.mark.parametrize(("page", "nodes"), LOOKS)
def test_without_a_mouse(open_page, page, nodes):
    artist = open_page(page, nodes)
    artist.press("Control+Shift+X")
    artist.page.keyboard.type("cross => cross")
    artist.page.keyboard.press("Enter")
    artist.command("RECE.UnfoldErase")
    expect(artist.panel("What will be erased")).to_contain_text("'cross' is its own anchor")
    artist.tab_to("textarea", "cross => cross")
    artist.page.keyboard.press("Control+A")
    artist.page.keyboard.type("cross => square")
    expect(artist.panel("What will be erased").get_by_role("status")).to_have_count(0)
    artist.page.evaluate(QUICK)
    artist.page.keyboard.press("Control+Enter")
    expect(artist.panel(RESULT)).to_contain_text("'cross'")
    artist.tab_to("button", "Copy as text")
    artist.page.keyboard.press("Enter")
    assert "first edit" in artist.page.evaluate("() => navigator.clipboard.readText()")
