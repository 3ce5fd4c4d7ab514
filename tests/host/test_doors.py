"""The pack's routes under attack, in a real ComfyUI; the control is the same route without bounds."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from harness.client import Client
from harness.server import Server
from tests.host.graphs import require_alive
from torture.doors import ATTACKS, HARMLESS, Door


def hash_files(folder: Path) -> dict[Path, str]:
    """All that lies in the host's folders, but for its log and its database."""
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".log" and "comfyui.db" not in path.name
    }


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize(
    "route",
    ["/rece/concepts", pytest.param("/api/rece/concepts", marks=pytest.mark.slow)],  # the host's name for it
)
def test_what_gets_through_costs_time_alone(client: Client, server: Server, route: str, attack: str) -> None:
    before, logged = hash_files(server.base), len(server.log_text())
    assert list(ATTACKS[attack](Door(server.url, route))) == []
    assert hash_files(server.base) == before
    assert "Traceback" not in server.log_text()[logged:]
    assert client.queue_state() == ([], []), "nothing was started"
    require_alive(client)


@pytest.mark.parametrize("attack", sorted(ATTACKS.keys() - HARMLESS))
def test_without_bounds_it_is_caught(client: Client, server: Server, attack: str) -> None:
    assert list(ATTACKS[attack](Door(server.url, "/probe/concepts"))) != []
    require_alive(client)
