"""A short part of `python -m torture.load`: nothing but time is lost by many prompts, valid and not, and by cancels."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.client import Client
from harness.environment import Host
from harness.server import Server
from tests.host.graphs import require_alive
from torture import load, load_graphs
from torture.load_figures import find_growth


@pytest.fixture(scope="module")
def loaded(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own, whose handles and threads no other test changes."""
    with Server(host, tmp_path_factory.mktemp("load"), packs=load.PACKS) as started:
        yield started


@pytest.fixture
def loader(loaded: Server) -> Iterator[Client]:
    with Client(loaded.url) as connected:
        yield connected


def test_prompts_and_cancels_leave_nothing_behind(loaded: Server, loader: Client) -> None:
    found = load.run_load(loaded, loader, prompts=30, cancels=5, seed=3)
    assert found.failures == []
    assert (found.prompts, found.cancels, len(found.waits)) == (30, 5, 5)
    assert found.kinds.keys() & load_graphs.WRONG and found.kinds.keys() - load_graphs.WRONG
    assert find_growth(found.figures[10:], memory=False) == []
    require_alive(loader)


def test_a_node_that_leaks_is_caught(loaded: Server, loader: Client) -> None:
    caught = find_growth(load.run_leak(loaded, loader, prompts=20), memory=False)
    assert [each.split()[0] for each in caught] == ["handles", "threads"]


def test_a_node_that_changes_the_model_or_never_fails_is_caught(
    loaded: Server, loader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(graph: load_graphs.LoadGraph) -> None:
        graph.add("ProbeSpoil", model=graph.model, run=graph.run)

    monkeypatch.setitem(load_graphs.MAKERS, "no target", spoil)
    monkeypatch.setattr(load, "KINDS", {"no target": 1})
    failures = load.run_load(loaded, loader, prompts=1, cancels=0, seed=3).failures
    assert [each.partition(": ")[2] for each in failures] == [
        "it ought to fail",
        "the model's weights are others than before",
    ]
