"""A real ComfyUI in a process of its own, for the tests in this folder."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.client import Client
from harness.environment import ROOT, Host
from harness.server import PACK_NAME, Server

StartServer = Callable[..., Server]

PROBE_PACK = Path(__file__).parent / "probe_pack"


@pytest.fixture(scope="session")
def server(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """ComfyUI with this pack, and so with its demo model, and with the tests' probes; one for the whole run."""
    packs = {PACK_NAME: ROOT, "rece_probes": PROBE_PACK}
    with Server(host, tmp_path_factory.mktemp("comfyui"), packs=packs) as started:
        yield started


@pytest.fixture(scope="session")
def bare_server(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """ComfyUI without this pack, which knows the demo model's family alone; tests put their files among its models."""
    with Server(host, tmp_path_factory.mktemp("bare"), packs={"rece_demo": ROOT / "demo"}) as started:
        with Client(started.url) as connected:
            assert not [kind for kind in connected.object_info() if kind.startswith("Rece")]
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
def start_server(host: Host, tmp_path: Path) -> Iterator[StartServer]:
    """`start_server(packs={...}, base=..., arguments=[...])`: a further server, stopped at the test's end.

    `packs` maps folder names in custom_nodes to folders, `{}` for a ComfyUI with nothing of ours. With the same `base`
    a second server sees what the first one has saved; stop the first with `.stop()`.
    """
    with contextlib.ExitStack() as running:

        def start(
            packs: Mapping[str, Path] | None = None, base: Path | None = None, arguments: Sequence[str] = ()
        ) -> Server:
            further = Server(host, base or tmp_path / "comfyui", packs=packs, arguments=arguments)
            return running.enter_context(further)

        yield start
