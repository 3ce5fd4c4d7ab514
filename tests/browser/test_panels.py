"""What the panels say while somebody types, when a run fails, and beside the second picture."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from .test_journey import CLASSIC, NEWEST, OWN, QUICK, RESULT, VUE, overlap

PLANNED = "What will be erased"
CONFIGURE = """() => {
  const node = app.graph.nodes.find(({ type }) => type === "ReceConcepts");
  node.configure(node.serialize());
}"""
LOOKS = [pytest.param(OWN, CLASSIC, marks=pytest.mark.slow), (NEWEST, VUE)]


@pytest.mark.parametrize(("page", "nodes"), LOOKS)
def test_mistakes_are_told_while_typing(open_page, page, nodes):
    artist = open_page(page, nodes)
    artist.erase_by_two("")
    artist.look_at("ReceConcepts")
    panel = artist.panel(PLANNED)
    expect(panel).to_contain_text("Nothing to forget yet")

    artist.fill("ReceConcepts", "targets", "snoopy\nvan gogh => Van Gogh\nsnoopy")
    expect(panel).to_contain_text("Line 2: 'van gogh' is its own anchor")
    expect(panel).to_contain_text("Line 3: 'snoopy' is listed twice.")
    artist.fill("ReceConcepts", "targets", "snoopy\nvan gogh => art")
    expect(panel.get_by_role("status")).to_have_count(0)
    expect(panel).to_contain_text("van gogh2 tokens→ 'art'")

    artist.fill("ReceConcepts", "targets", " ".join(["cat"] * 80))
    expect(panel).to_contain_text("at most 75 are read")
    artist.fill("ReceConcepts", "targets", "snoopy")
    panel.get_by_role("button", name="+ a house").press("Enter")
    assert artist.node("ReceConcepts")["values"]["preserve"] == "a house"
    expect(panel.get_by_role("button", name="+ a house")).to_have_count(0)


@pytest.mark.parametrize(("page", "nodes"), LOOKS)
def test_what_may_be_meant_otherwise_is_asked_and_a_button_writes_it(open_page, page, nodes):
    artist = open_page(page, nodes)
    artist.press("Control+Shift+X")
    artist.answer("circle, disc -> sqare")
    artist.look_at("ReceErase")
    panel = artist.panel(PLANNED)
    for typed, button in (
        ("circle, disc -> sqare", "disc => sqare"),
        ("circle, disc => sqare", "square"),
    ):
        assert artist.node("ReceErase")["values"]["targets"] == typed
        panel.get_by_role("button", name=button, exact=True).press("Enter")
    assert artist.node("ReceErase")["values"]["targets"] == "circle, disc => square"
    expect(panel.get_by_role("note")).to_have_count(0)


@pytest.mark.parametrize(("page", "nodes"), LOOKS)
def test_the_kind_fills_in_what_the_paper_has(open_page, page, nodes):
    artist = open_page(page, nodes)
    artist.erase_by_two("van gogh")
    artist.choose("ReceConcepts", "kind", "style")
    expect(artist.panel(PLANNED)).to_contain_text("1 epoch, derivation ridge 0.001, anchor 'art'")
    assert artist.node("ReceConcepts")["values"]["default_anchor"] == "art"
    assert artist.node("ReceIterate")["values"]["epochs"] == 3, "not while the schedule is automatic"
    artist.choose("ReceIterate", "schedule", "paper")
    assert artist.node("ReceIterate")["values"]["epochs"] == 1
    assert artist.node("ReceIterate")["values"]["derivation_ridge"] == 0.001
    artist.choose("ReceConcepts", "kind", "nudity")
    assert artist.node("ReceIterate")["values"]["epochs"] == 3
    assert artist.node("ReceConcepts")["values"]["default_anchor"] == ""
    artist.choose("ReceIterate", "epochs", 5)
    assert artist.node("ReceIterate")["values"]["schedule"] == "manual"
    artist.choose("ReceConcepts", "kind", "style")
    values = artist.node("ReceIterate")["values"]
    assert (values["epochs"], values["derivation_ridge"]) == (5, 0.001), "only what nobody chose is filled in"


@pytest.mark.parametrize(("page", "nodes"), LOOKS)
def test_before_and_after_from_one_seed(open_page, page, nodes):
    artist = open_page(page, nodes)
    artist.erase_by_two("circle => square")
    artist.page.evaluate(QUICK)
    artist.look_at("ReceIterate")
    artist.right_click("ReceIterate", "Compare before and after")
    original, erased = sorted(
        (node for node in artist.nodes() if node["type"] == "KSampler"),
        key=lambda node: node["inputs"]["model"][0],
    )
    assert original["inputs"]["model"][0] == "ReceDemoModel" and erased["inputs"]["model"][0] == "ReceIterate"
    assert (
        original["inputs"]["seed"] == erased["inputs"]["seed"] and artist.node("PrimitiveInt")["values"]["value"] == 3
    )
    assert {original["inputs"]["positive"][0], erased["inputs"]["positive"][0]} == {"CLIPTextEncode"}
    compare = artist.node("ReceCompare")
    assert [compare["inputs"][name][0] for name in ("before", "after")] == ["VAEDecode", "VAEDecode"]
    boxes = [node["box"] for node in artist.nodes()]
    assert not any(overlap(one, other) for i, one in enumerate(boxes) for other in boxes[i + 1 :])


@pytest.mark.parametrize(("page", "nodes"), LOOKS)
def test_the_reason_of_a_failure(open_page, page, nodes):
    artist = open_page(page, nodes)
    artist.erase_by_two(" ".join(["cat"] * 80))
    artist.page.evaluate(QUICK)
    artist.run()
    expect(artist.panel(RESULT)).to_contain_text("Stopped: ")
    expect(artist.panel(RESULT)).to_contain_text("80 tokens long; expected at most 75")


@pytest.mark.parametrize(("page", "nodes"), LOOKS)
def test_answers_that_come_late_or_not_at_all(open_page, page, nodes):
    artist = open_page(page, nodes)
    artist.erase_by_two("snoopy => dog")
    artist.look_at("ReceConcepts")
    panel = artist.panel(PLANNED)
    expect(panel).to_contain_text("→ 'dog'")
    held = []

    def answer(route):
        typed = route.request.post_data_json["targets"]
        if "tintin" in typed:
            held.append(route)
        elif "haddock" in typed:
            route.abort()
        else:
            route.continue_()

    artist.page.route("**/rece/concepts", answer)
    artist.fill("ReceConcepts", "targets", "tintin => cat")
    while not held:
        artist.page.wait_for_timeout(100)
    artist.fill("ReceConcepts", "targets", "asterix => bird")
    expect(panel).to_contain_text("→ 'bird'")
    with artist.page.expect_response("**/rece/concepts"):
        held[0].continue_()
    artist.page.wait_for_timeout(500)
    expect(panel).to_contain_text("→ 'bird'")

    artist.fill("ReceConcepts", "targets", "haddock")
    expect(panel).to_have_text("")
    artist.fill("ReceConcepts", "targets", "asterix => ASTERIX")
    expect(panel).to_contain_text("Line 1: 'asterix' is its own anchor")


@pytest.mark.parametrize(("page", "nodes"), LOOKS)
def test_the_height_of_a_panel_is_not_saved_so_that_undo_makes_no_step_of_it(open_page, page, nodes):
    artist = open_page(page, nodes)
    artist.erase_by_two("snoopy => dog")
    size, height = measure(artist, "→ 'dog'")
    artist.fill("ReceConcepts", "targets", "snoopy => dog\nasterix\nasterix")
    size_of_more, height_of_more = measure(artist, "listed twice")
    assert height_of_more > height
    artist.page.evaluate(CONFIGURE)
    assert measure(artist, "listed twice") == (size_of_more, height_of_more)
    artist.load(artist.saved())
    assert measure(artist, "listed twice") == (size_of_more, height_of_more)
    assert size_of_more == size


def measure(artist, told):
    """The size of RECE Concepts as it is saved, and its height on the screen, once its panel has said something."""
    expect(artist.panel(PLANNED)).to_contain_text(told)
    artist.page.wait_for_timeout(1000)
    (size,) = (node["size"] for node in artist.saved()["nodes"] if node["type"] == "ReceConcepts")
    return size, artist.node("ReceConcepts")["box"][3]
