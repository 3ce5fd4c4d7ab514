"""A disk that is full: what the pack keeps by itself must not cost the user an erasure."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.client import Client
from harness.server import Server
from tests.host.graphs import ModelGraph

CAPTIONS = "captions_full_disk.txt"
SIZE = 64 * 1024  # bytes; a prior of the demo model has 131 kB


@pytest.fixture
def small_disk(server: Server) -> Iterator[Path]:
    """A disk of 64 kB where the preserve prior is kept."""
    folder = server.base / "user" / "rece_priors"
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a small disk cannot be mounted here: {error}")
    (server.base / "input" / CAPTIONS).write_text("a lamp on a shelf\na train in the snow\n", "utf-8")
    yield folder
    subprocess.run(["umount", folder], check=True)
    (server.base / "input" / CAPTIONS).unlink()


def test_a_prior_that_cannot_be_kept_is_used_all_the_same(client: Client, small_disk: Path) -> None:
    with pytest.raises(OSError):  # control: the disk is as small as that
        (small_disk / "control").write_bytes(bytes(2 * SIZE))
    (small_disk / "control").unlink()
    graph = ModelGraph()
    erased = graph.iterate(concepts=graph.concepts(captions=CAPTIONS), mode="prior", edit_ridge=0.01)
    report = graph.show(erased[2])
    assert "forgotten" in client.run(graph).text(report)[0]
    assert list(small_disk.iterdir()) == [], "nothing half written is left"
