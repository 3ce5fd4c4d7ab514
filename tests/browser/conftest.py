"""A real Chromium on the page of a real ComfyUI: its own page and the newest one, each with both kinds of nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, expect, sync_playwright

from harness.environment import HOSTS, NEWEST_PAGE, Host, find_chromium
from harness.graph import Graph
from harness.server import Server

from .artist import PATIENCE, VUE, Artist, seat_artist

OpenPage = Callable[[str, str], Artist]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium without a window: the system's own, or the one that Playwright has installed."""
    found = find_chromium()
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        except Error as error:
            pytest.skip(f"no Chromium: 'apt install chromium' or 'python -m playwright install chromium'. {error}")
        yield started
        started.close()


@pytest.fixture(scope="package")
def start_page_server(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """`start_page_server("own")` or `("newest")`: a ComfyUI with that page, started once."""
    servers: dict[str, Server] = {}

    def start(page: str) -> Server:
        if page not in servers:
            arguments = [] if page == "own" else ["--front-end-root", str(_locate_newest())]
            servers[page] = Server(host, tmp_path_factory.mktemp(f"page-{page}"), arguments=arguments)
            servers[page].start()
        return servers[page]

    yield start
    for server in servers.values():
        server.stop()


@pytest.fixture
def open_page(browser: Browser, start_page_server: Callable[[str], Server], tmp_path: Path) -> Iterator[OpenPage]:
    """`open_page("own", "classic")`: the page with a workflow that draws; at the test's end it is closed.

    Its last moment is kept as a picture in the test's folder. A test fails where our scripts raised an error.
    """
    opened: list[Artist] = []

    def open_(page: str, nodes: str) -> Artist:
        settings = {VUE: nodes == "nodes 2.0"}
        opened.append(seat_artist(browser, start_page_server(page).url, make_graph(), settings))
        return opened[-1]

    yield open_
    for artist in opened:
        complaints = artist.complaints
        artist.page.screenshot(path=tmp_path / "last.png")
        artist.page.context.close()
        assert complaints == []


def make_graph() -> Graph:
    """A workflow that draws a red circle with the small model that ships."""
    graph = Graph()
    demo = graph.add("ReceDemoModel", model="shapes")
    positive = graph.add("CLIPTextEncode", clip=demo[1], text="a red circle")
    latent = graph.add("EmptyLatentImage", width=128, height=128, batch_size=1)
    sampled = graph.add(
        "KSampler",
        **{"model": demo[0], "positive": positive[0], "negative": positive[0], "latent_image": latent[0]},
        **{"seed": 3, "steps": 1, "cfg": 1.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0},
    )
    graph.add("PreviewImage", images=graph.add("VAEDecode", samples=sampled[0], vae=demo[2])[0])
    return graph


def _locate_newest() -> Path:
    root = HOSTS / NEWEST_PAGE.replace("==", "-") / "comfyui_frontend_package" / "static"
    if not root.is_dir():
        pytest.skip(f"{NEWEST_PAGE} is not here; 'python run.py setup' unpacks it.")
    return root
