"""Takes the pictures of the page that the documents show: `python -m tests.browser.pictures`."""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, expect, sync_playwright

from demo.graphs import add_pictures, add_prompt
from harness.environment import ROOT, find_chromium, locate_host, prepare_newest_page
from harness.graph import Graph
from harness.server import Server

from .artist import PATIENCE, VUE, Artist, seat_artist

DOCS = ROOT / "docs"
MARGIN = 16  # pixels around what is shown
COLOURS = 128  # enough for the page, at a third of the size
SETTINGS = {VUE: True, "Comfy.Minimap.Visible": False, "Comfy.Graph.CanvasInfo": False}
TARGETS = "circle, disc, dot, ball => square"
MISTAKEN = "circle, disc => square\nstar => Star\ncircle"
KEPT = "a square\na ring\na star"
# As somebody would who wants to see the pictures well.
ENLARGE = """(id) => {
  const node = app.graph.nodes.find((each) => String(each.id) === String(id));
  node.setSize([560, 420]);
}"""


def main() -> None:
    page = prepare_newest_page(Path(sys.executable))
    with (
        tempfile.TemporaryDirectory() as base,
        Server(locate_host(), Path(base), arguments=["--front-end-root", str(page)]) as server,
        sync_playwright() as playwright,
    ):
        expect.set_options(timeout=PATIENCE)
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        artist = seat_artist(browser, server.url, make_graph(), SETTINGS)
        take_menu(artist)
        take_mistakes(artist)
        take_result_and_comparison(artist)
        take_templates(artist)
        browser.close()


def make_graph() -> Graph:
    """Four red circles by the small model that ships."""
    graph = Graph()
    demo = graph.add("ReceDemoModel", model="shapes")
    pictures = add_pictures(graph, demo, demo[0], add_prompt(graph, demo, "a red circle"), seed=3, count=4)
    graph.add("PreviewImage", images=pictures)
    return graph


def take_menu(artist: Artist) -> None:
    artist.page.mouse.click(*artist.place_of("ReceDemoModel"), button="right")
    entry = artist.page.get_by_text("Erase a concept", exact=True).first
    entry.hover()
    last = artist.page.get_by_text("Delete", exact=True).first
    save(artist, "page-menu", find_node(artist, "ReceDemoModel"), find_node(artist, "KSampler"), last)
    entry.click()


def take_mistakes(artist: Artist) -> None:
    artist.answer("circle")
    artist.command("RECE.UnfoldErase")
    artist.look_at("ReceConcepts")
    artist.fill("ReceConcepts", "targets", MISTAKEN)
    expect(artist.panel("What will be erased")).to_contain_text("listed twice")
    save(artist, "page-mistakes", find_node(artist, "ReceConcepts"))


def take_result_and_comparison(artist: Artist) -> None:
    artist.fill("ReceConcepts", "targets", TARGETS)
    artist.fill("ReceConcepts", "preserve", KEPT)
    artist.look_at("KSampler")
    artist.right_click("KSampler", "Compare before and after")
    artist.fill("ReceCompare", "prompts", "a red circle")
    artist.run()
    artist.page.mouse.move(900, 16)  # where nothing has a tooltip
    artist.look_at("ReceConcepts", "ReceIterate")
    expect(artist.panel("Result of the erasure")).to_contain_text("acts like 'square'")
    save(artist, "page", find_node(artist, "ReceConcepts"), find_node(artist, "ReceIterate"))
    (sheet,) = [node for node in artist.nodes() if node["inputs"].get("images", [""])[0] == "ReceCompare"]
    artist.page.evaluate(ENLARGE, sheet["id"])
    artist.look_at("ReceCompare", "PreviewImage")
    expect(find(artist, sheet["id"]).locator("img").first).to_be_visible()
    save(artist, "page-compare", find_node(artist, "ReceCompare"), find(artist, sheet["id"]))


def take_templates(artist: Artist) -> None:
    dialog = artist.browse_templates()
    expect(artist.page.get_by_test_id("template-workflow-01 First try, a pizza becomes a taco")).to_be_visible()
    save(artist, "page-templates", dialog)


def find_node(artist: Artist, type: str) -> Locator:
    return find(artist, artist.node(type)["id"])


def find(artist: Artist, id: object) -> Locator:
    return artist.page.locator(f'[data-node-id="{id}"]')


def save(artist: Artist, name: str, *elements: Locator) -> None:
    """Write the part of the page that holds all `elements` to a file of `docs`."""
    artist.page.wait_for_timeout(1500)  # until pictures are loaded and panels have their size
    boxes = [box for element in elements if (box := element.bounding_box())]
    left = min(box["x"] for box in boxes) - MARGIN
    top = min(box["y"] for box in boxes) - MARGIN
    right = max(box["x"] + box["width"] for box in boxes) + MARGIN
    bottom = max(box["y"] + box["height"] for box in boxes) + MARGIN
    taken = artist.page.screenshot(clip={"x": left, "y": top, "width": right - left, "height": bottom - top})
    picture = Image.open(io.BytesIO(taken)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    picture.save(DOCS / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
