"""The same on Ray: what is shared is computed once, workers that die are replaced, and the bytes are the same."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from rece_core.library.on_ray import LOCAL, OnRay
from rece_core.library.workers import TRIES, Call, Here, Outcome
from tests.core.library.conftest import Library
from tests.core.library.libraries import read_results, write_plan

pytest.importorskip("ray", reason="Ray, the optional extra 'cluster', is not installed")

SMALL = 10_000_000  # bytes of memory that a task names


@pytest.fixture(scope="module")
def cluster() -> Iterator[OnRay]:
    """A cluster of two processors."""
    cluster = OnRay(LOCAL, 2)
    yield cluster
    cluster.close()


def _note(path: Path) -> int:
    """How often this was called with `path`, this time included."""
    with open(path, "a", encoding="utf-8") as file:
        file.write("x")
    return path.stat().st_size


def _die(path: Path, times: int) -> int:
    """End the process at once as often as `times`; then the number of the call."""
    number = _note(path)
    if number <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def _refuse(path: Path, shared: int) -> int:
    _note(path)
    raise ValueError(f"{shared} will not do")


def _fail(path: Path) -> int:
    _note(path)
    raise OSError("the disk is full")


def _add(number: int, shared: int) -> int:
    return number + shared


def call(function: object, *arguments: object, memory: int = SMALL, shared: object = None) -> Call:
    assert callable(function)
    return Call(arguments[0], function, arguments, memory, 1, shared)


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL there")
@pytest.mark.parametrize("times", [1, 2, TRIES])
def test_a_task_whose_worker_is_killed_is_tried_three_times(cluster: OnRay, tmp_path: Path, times: int) -> None:
    (outcome,) = cluster.run([call(_die, tmp_path / "calls", times)])
    assert (tmp_path / "calls").stat().st_size == min(times + 1, TRIES)
    assert outcome.tries == min(times + 1, TRIES)
    assert bool(outcome.error) == (times == TRIES)


def outcomes(workers: OnRay | Here, path: Path) -> dict[str, Outcome]:
    path.mkdir()
    shared = workers.share(call(_note, path / "shared"))
    calls = [call(_add, number, shared=shared) for number in range(20)]
    calls += [call(_refuse, path / "refused", shared=shared), call(_fail, path / "failed")]
    found = {str(each.label).removeprefix(str(path)): each for each in workers.run(calls)}
    assert (path / "shared").stat().st_size == 1
    assert (path / "refused").stat().st_size == 1 and (path / "failed").stat().st_size == TRIES
    return found


def test_both_kinds_of_workers_do_the_same(cluster: OnRay, tmp_path: Path) -> None:
    ours, theirs = (outcomes(each, tmp_path / type(each).__name__) for each in (cluster, Here()))
    told = {name: (each.value, each.error, each.tries) for name, each in ours.items()}
    assert told == {name: (each.value, each.error, each.tries) for name, each in theirs.items()}
    assert told["7"] == (8, "", 1) and told["/refused"] == (None, "1 will not do", 1)
    assert told["/failed"] == (None, "the disk is full", TRIES)


def test_a_task_that_fits_no_node_is_told_instead_of_waited_for(cluster: OnRay, tmp_path: Path) -> None:
    (outcome,) = cluster.run([call(_note, tmp_path / "calls", memory=10**15)])
    assert "no node has more than" in outcome.error and not (tmp_path / "calls").exists()


def test_a_library_gives_the_same_bytes(cluster: OnRay, library: Library, folder: Path) -> None:
    cluster.close()  # the command starts one of its own
    assert library(write_plan(folder))[0] == 0
    code, out, err = library(write_plan(folder, output="by-ray"), "--ray", LOCAL, "--workers", 2)
    assert code == 0, err
    assert "2 files done" in out and "1 text encoder asked once" in out
    assert read_results(folder / "by-ray") == read_results(folder / "out")
