"""A real ComfyUI in a process of its own, for the tests in this folder."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.client import Client
from harness.environment import ROOT, SetupError, locate_host
from harness.server import PACK_NAME, Server

StartServer = Callable[..., Server]

PROBE_PACK = Path(__file__).parent / "probe_pack"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """ComfyUI with this pack, and so with its demo model, and with the tests' probes; one for the whole run."""
    packs = {PACK_NAME: ROOT, "rece_probes": PROBE_PACK}
    with Server(_host(), tmp_path_factory.mktemp("comfyui"), packs=packs) as started:
        yield started


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """A client of `server`; what an earlier test left running or waiting has been cancelled."""
    with Client(server.url) as connected:
        yield connected
        running, pending = connected.queue_state()
        for prompt_id in pending:
            connected.cancel_pending(prompt_id)
        for prompt_id in running:
            connected.interrupt(prompt_id)


@pytest.fixture(scope="session")
def object_info(server: Server) -> Mapping[str, Any]:
    """The description of all node types of `server`."""
    with Client(server.url) as connected:
        return connected.object_info()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """`start_server(packs={...}, base=..., arguments=[...])`: a further server, stopped at the test's end.

    `packs` maps folder names in custom_nodes to folders, `{}` for a ComfyUI with nothing of ours. With the same `base`
    a second server sees what the first one has saved; stop the first with `.stop()`.
    """
    with contextlib.ExitStack() as running:

        def start(
            packs: Mapping[str, Path] | None = None, base: Path | None = None, arguments: Sequence[str] = ()
        ) -> Server:
            further = Server(_host(), base or tmp_path / "comfyui", packs=packs, arguments=arguments)
            return running.enter_context(further)

        yield start


def _host() -> Any:
    try:
        return locate_host()
    except SetupError as error:
        pytest.fail(str(error), pytrace=False)
