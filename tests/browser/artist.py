"""Somebody at the page: what they click, type and read, in a real browser on a real ComfyUI."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import requests
from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect

from harness.client import Client
from harness.graph import Graph
from harness.workflow import to_ui

VUE = "Comfy.VueNodes.Enabled"  # the setting that users know as Nodes 2.0
PACK = "/extensions/ComfyUI-RECE/"
READY = "() => window.app?.extensionManager?.command?.commands?.some(({ id }) => id === 'RECE.EraseConcept')"

# What a node is, as far as tests ask: its texts, its place with the title bar, and where its inputs come from.
READ = """() => {
  const graph = app.canvas.graph;
  return graph.nodes.map((node) => ({
    id: node.id, type: node.type, title: node.title,
    box: [node.pos[0], node.pos[1] - 30, node.size[0], node.size[1] + 30],
    values: Object.fromEntries((node.widgets ?? []).map((widget) => [widget.name, widget.value])),
    inputs: Object.fromEntries((node.inputs ?? []).filter(({ link }) => link != null).map((input) => {
      const link = graph.getLink(input.link);
      return [input.name, [graph.getNodeById(link.origin_id).type, link.origin_slot, link.origin_id]];
    })),
    result: node.properties.rece_result ?? null,
  }));
}"""

# Puts the corner of what is looked at below the page's menus, as large as fits and no larger than life.
LOOK = """(types) => {
  const nodes = app.canvas.graph.nodes.filter(({ type }) => types.includes(type));
  const boxes = nodes.map(({ pos, size }) => [...pos, ...size]);
  const left = Math.min(...boxes.map(([x]) => x));
  const top = Math.min(...boxes.map(([, y]) => y)) - 40;
  const right = Math.max(...boxes.map(([x, , width]) => x + width));
  const bottom = Math.max(...boxes.map(([, y, , height]) => y + height));
  const { ds, canvas } = app.canvas;
  ds.scale = Math.min(1, (innerWidth - 200) / (right - left), (innerHeight - 220) / (bottom - top));
  ds.offset[0] = 120 / ds.scale - left;
  ds.offset[1] = 180 / ds.scale - top;
  app.canvas.setDirty(true, true);
}"""

# The text field of a widget of several lines: its own element, or in Nodes 2.0 the one of its place in the node.
FIELD = """([type, name]) => {
  const node = app.canvas.graph.nodes.find((each) => each.type === type);
  const widget = node.widgets.find((each) => each.name === name);
  if (!LiteGraph.vueNodesMode) return widget.inputEl ?? widget.element;
  const fields = node.widgets.filter((each) => each.type === "customtext");
  return document.querySelectorAll(`[data-node-id="${node.id}"] textarea`)[fields.indexOf(widget)];
}"""

CHOOSE = """([type, name, value]) => {
  const node = app.canvas.graph.nodes.find((each) => each.type === type);
  const widget = node.widgets.find((each) => each.name === name);
  widget.value = value;
  widget.callback?.(value, app.canvas, node);
}"""

FOCUSED = """() => {
  const { tagName, value, textContent } = document.activeElement;
  return [tagName.toLowerCase(), value || textContent];
}"""

# Whether a template is the workflow on the screen, with all its nodes; opened twice, it has a number behind its name.
OPENED = """([name, types]) =>
  app.extensionManager.workflow.activeWorkflow?.filename.replace(/ \\(\\d+\\)$/, "") === name &&
  JSON.stringify(app.graph.nodes.map(({ type }) => type).toSorted()) === JSON.stringify(types)"""

PATIENCE = 120_000  # milliseconds for one step, on a machine that does other things too
TAKEN = 30_000  # milliseconds in which a page opens a template, on a busy machine too
SIZE = {"width": 1600, "height": 950}


def seat_artist(browser: Browser, url: str, graph: Graph, settings: Mapping[str, Any]) -> Artist:
    """Somebody at a fresh page of the server at `url`, with a workflow open and `settings` made."""
    # Who comes for the first time is shown the templates before anything else.
    made = {"Comfy.TutorialCompleted": True, **settings}
    requests.post(f"{url}/api/settings", data=json.dumps(made), timeout=30).raise_for_status()
    permissions = ["clipboard-read", "clipboard-write"]
    context = browser.new_context(viewport=SIZE, permissions=permissions, color_scheme="dark")
    context.set_default_timeout(PATIENCE)
    with Client(url) as client:
        workflow = to_ui(graph, client.object_info())
    return Artist(context.new_page(), url).open(workflow)


class Artist:
    """One browser page; `complaints` are errors that our scripts caused on it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self._note(f"{error}\n{error.stack}"))
        page.on("console", lambda message: self._note(f"{message.text} {message.location}", message.type))

    def open(self, workflow: Mapping[str, Any] | None = None) -> Artist:
        """Load the page, and then a workflow into it."""
        self.page.goto(self.url)
        self.page.wait_for_function(READY)
        if workflow is not None:
            self.load(workflow)
        return self

    def load(self, workflow: Mapping[str, Any]) -> None:
        """Open a workflow, as if its file had been dropped onto the page."""
        self.page.evaluate("async (workflow) => { await app.loadGraphData(workflow); }", dict(workflow))
        self.look_at(*(node["type"] for node in self.nodes()))

    def look_at(self, *types: str) -> None:
        """Bring the nodes of some types onto the screen, at once and not as the page's own command does, slowly."""
        self.page.evaluate(LOOK, list(types))

    def nodes(self) -> list[dict[str, Any]]:
        """All nodes, see READ."""
        found: list[dict[str, Any]] = self.page.evaluate(READ)
        return found

    def node(self, type: str) -> dict[str, Any]:
        """The only node of a type."""
        (found,) = [node for node in self.nodes() if node["type"] == type]
        return found

    def saved(self) -> dict[str, Any]:
        """The workflow as the page would save it."""
        workflow: dict[str, Any] = json.loads(self.page.evaluate("() => JSON.stringify(app.graph.serialize())"))
        return workflow

    def contents(self) -> list[Any]:
        """The links, values and properties of the workflow; not its sizes, which Nodes 2.0 settles after a while."""
        saved = self.saved()
        nodes = [[node[key] for key in ("id", "type", "properties")] for node in saved["nodes"]]
        return [nodes, [node.get("widgets_values") for node in saved["nodes"]], saved["links"]]

    def right_click(self, type: str, entry: str) -> None:
        """Open the menu of a node and choose an entry of it."""
        x, y = self.place_of(type)
        self.page.mouse.click(x, y, button="right")
        self.page.get_by_text(entry, exact=True).first.click()

    def select(self, type: str) -> None:
        """Click a node's title."""
        self.page.mouse.click(*self.place_of(type))

    def place_of(self, type: str) -> tuple[float, float]:
        """Where the title of the only node of a type is on the screen."""
        x, y = self.page.evaluate(
            """(type) => {
              const node = app.canvas.graph.nodes.find((each) => each.type === type);
              const { scale, offset } = app.canvas.ds;
              const { left, top } = app.canvas.canvas.getBoundingClientRect();
              return [left + (node.pos[0] + 60 + offset[0]) * scale, top + (node.pos[1] - 15 + offset[1]) * scale];
            }""",
            type,
        )
        return x, y

    def answer(self, text: str) -> None:
        """Fill in the dialog that asks what shall be forgotten, by keyboard."""
        field = self.page.get_by_role("dialog").get_by_role("textbox")
        field.fill(text)
        field.press("Enter")
        expect(self.page.get_by_role("dialog")).to_be_hidden()

    def erase_by_two(self, targets: str) -> None:
        """Insert RECE Erase by keyboard and unfold it: RECE Concepts, with `targets`, and RECE Iterate."""
        self.press("Control+Shift+X")
        self.answer(targets)
        self.command("RECE.UnfoldErase")
        self.page.wait_for_function("() => app.graph.nodes.some(({ type }) => type === 'ReceIterate')")

    def fill(self, type: str, widget: str, text: str) -> None:
        """Type into a text field of the only node of a type, as both kinds of nodes have it."""
        found = self.page.evaluate_handle(FIELD, [type, widget]).as_element()
        assert found is not None
        found.fill(text)

    def choose(self, type: str, widget: str, value: Any) -> None:
        """Set another widget of the only node of a type, as the page does when it is chosen from its list."""
        self.page.evaluate(CHOOSE, [type, widget, value])

    def decline(self) -> None:
        """Leave the dialog without an answer."""
        self.page.get_by_role("dialog").get_by_role("textbox").press("Escape")
        expect(self.page.get_by_role("dialog")).to_be_hidden()

    def press(self, keys: str) -> None:
        """Press keys with the canvas in focus."""
        self.page.evaluate("() => { document.activeElement?.blur(); app.canvas.canvas.focus(); }")
        self.page.keyboard.press(keys)

    def run(self) -> None:
        """Queue the workflow, with the page's own keys."""
        self.press("Control+Enter")

    def run_to_end(self) -> dict[str, Any]:
        """Queue the workflow and wait; what the server's history says of it."""
        known = set(self._history())
        self.run()
        for _ in range(240):
            for number, entry in self._history().items():
                if number not in known:
                    return dict(entry)
            self.page.wait_for_timeout(500)
        raise AssertionError("the run did not end within two minutes")

    def command(self, id: str) -> None:
        """Execute a command of the page, as its menus do."""
        self.page.evaluate("(id) => { app.extensionManager.command.execute(id); }", id)

    def browse_templates(self) -> Locator:
        """Open the template browser at this pack's; a page still busy with a graph may close it again at once."""
        dialog = self.page.get_by_role("dialog")
        for _ in range(5):
            self.command("Comfy.BrowseTemplates")
            with contextlib.suppress(TimeoutError):
                dialog.get_by_text("ComfyUI-RECE").first.click(timeout=10_000)
                return dialog
        raise AssertionError("the template browser was opened five times and never stayed open with this pack's")

    def open_template(self, name: str, types: Sequence[str]) -> None:
        """Open one of this pack's templates, with nodes of these types, sorted.

        The newest page still finishes a template long after its nodes are there. Until then it ignores a click on the
        next one without a word, and at the end it closes the browser, whichever it is. So it is asked again.
        """
        card = self.page.get_by_test_id(f"template-workflow-{name}")
        for _ in range(PATIENCE // TAKEN):
            self.browse_templates()
            with contextlib.suppress(TimeoutError):
                card.click(timeout=TAKEN)
                # Not at each frame: those may be rare on a busy machine.
                self.page.wait_for_function(OPENED, arg=[name, list(types)], timeout=TAKEN, polling=500)
                return
        raise AssertionError(f"the template {name} was asked for again and again, and the page never opened it")

    def set(self, setting: str, value: Any) -> None:
        """Change a setting, as the page's own panel does."""
        self.page.evaluate("async ([id, value]) => app.extensionManager.setting.set(id, value)", [setting, value])

    def tab_to(self, tag: str, text: str) -> None:
        """Press the tab key until an element with a text, or a field that holds it, is in focus."""
        for _ in range(300):
            tag_name, said = self.page.evaluate(FOCUSED)
            if tag_name == tag and said == text:
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"no {tag} with {text!r} can be reached by the tab key")

    def panel(self, label: str) -> Locator:
        """One of our panels, by what it says it is."""
        return self.page.get_by_role("group", name=label)

    def _history(self) -> dict[str, Any]:
        found: dict[str, Any] = requests.get(f"{self.url}/history", timeout=30).json()
        return found

    def _note(self, text: str, kind: str = "error") -> None:
        if kind == "error" and PACK in text:
            self.complaints.append(text)
