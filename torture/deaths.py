"""Death and faults at every call of a save: `python -m torture.deaths [--scene NAME]… [--host] [--quick]`.

To be started by `run_deaths`, which loads the library that counts calls. Each save is done in a child of this process,
which is killed before each of its calls, and in the middle of each write; then each call fails in each way. What lies
there afterwards must be what was there before, or what should come, whole; and the next save must work and leave
nothing temporary. Writes a line of JSON for each kind of attack on each scene.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from .campaign import ROOT
from .fault import LIBRARY, Injector, build_library, load_with
from .host_scenes import load_host_scene
from .scenes import QUICK, SCENES, Scene, list_temporary, read_state
from .verdict import judge

ERRORS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EROFS": errno.EROFS, "EDQUOT": errno.EDQUOT, "EXDEV": errno.EXDEV}
RENAMES = ("rename", "renameat", "renameat2", "link", "linkat")  # what another device can fail
REMOVES = ("unlink", "unlinkat", "rmdir", "openat", "openat64")  # what is left after these fails is for the next save
RANDOM_KILLS = 500
MEMORY = Path("/dev/shm")  # a file system in memory, where there is one: nothing here asks for a disk's speed
YEARS = 10 * 365 * 24 * 3600


def run_deaths(*arguments: str, root: Path = ROOT) -> list[dict[str, Any]]:
    """What the campaign in a process of its own finds, with the code in `root`, a row for each kind of attack."""
    with tempfile.TemporaryDirectory() as folder:
        library = build_library(Path(folder))
        command = [sys.executable, "-m", "torture.deaths", *arguments]
        done = subprocess.run(command, cwd=root, env=load_with(library), stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def main() -> None:
    """Attack the scenes that are asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scene", action="append", default=[])
    parser.add_argument("--host", action="store_true")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)  # children of a process with threads would wait for those for ever
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    names = options.scene or ([] if options.host else QUICK if options.quick else SCENES)
    scenes = [SCENES[name] for name in names] + ([load_host_scene()] if options.host else [])
    for scene in scenes:
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            for row in attack(scene, Path(folder)):
                lines.write(json.dumps(row) + "\n")


def attack(scene: Scene, folder: Path) -> Iterator[dict[str, Any]]:
    """Rows: how often the scene's save was ended, or failed, and what was lost."""
    trial = _Trial(scene, folder)
    if LIBRARY not in os.environ:
        yield trial.tell("killed at a random moment", list(trial.kill_randomly(RANDOM_KILLS)))
        return
    injector = Injector()
    count, _ = trial.run(injector, at=0)
    kills = [trial.judge_death(injector, at, torn) for at in range(1, count + 1) for torn in (False, True)]
    yield trial.tell("killed", [each for each in kills if each is not None], calls=count)
    faults = [trial.judge_fault(injector, at, name) for name in ERRORS for at in range(1, count + 1) if name != "EXDEV"]
    faults += [trial.judge_fault(injector, at, "EXDEV", RENAMES) for at in range(1, count + 1)]
    yield trial.tell("failed", [each for each in faults if each is not None], calls=count)


class _Trial:
    """One scene, tried again and again from the same state."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self.scene, self._start, self._folder = scene, folder / "start", folder / "now"
        self._start.mkdir()
        scene.prepare(self._start)
        self._old = read_state(self._start)
        self._renew()
        scene.save(self._folder)
        self._new = read_state(self._folder)
        assert self._old != self._new and not list_temporary(self._folder), scene.name

    def tell(self, how: str, results: list[str], **more: Any) -> dict[str, Any]:
        """The row; a result is an empty text, or what was lost."""
        lost = sorted({each for each in results if each})
        name = f"{self.scene.name}, {how}"
        return {"name": name, "tried": len(results), "failed": sum(map(bool, results)), "lost": lost[:5], **more}

    def run(self, injector: Injector, at: int, error: int = 0, torn: bool = False) -> tuple[int, tuple[int, str]]:
        """Save in a child, from the first state: how many calls that got, how it ended, and what was wrong with it."""
        self._renew()
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            self._act_as_child(injector, at, error, torn, writer)
        os.close(writer)
        with os.fdopen(reader) as answer:
            told = answer.read()
        _, status = os.waitpid(child, 0)
        return injector.count, (status, told)

    def judge_death(self, injector: Injector, at: int, torn: bool) -> str | None:
        """What was lost by death at that call; None where the call cannot be cut in two."""
        _, (status, _) = self.run(injector, at, torn=torn)
        name = injector.name
        if torn and name != "write":
            return None
        if not os.WIFSIGNALED(status):
            return f"call {at}: it did not die"
        return self._judge(f"killed {'in' if torn else 'before'} {name}")

    def judge_fault(self, injector: Injector, at: int, error: str, only: tuple[str, ...] = ()) -> str | None:
        """What was lost when that call failed; None where it is none of `only`."""
        _, (status, told) = self.run(injector, at, ERRORS[error])
        name = injector.name
        if only and name not in only:
            return None
        place = f"{name} with {error}"
        if os.WIFSIGNALED(status) or told:
            return f"{place}: {told or 'died'}"
        leftovers = list_temporary(self._folder)
        if leftovers and name not in REMOVES:
            return f"{place}: left {leftovers[0]}"
        return self._judge(place)

    def kill_randomly(self, times: int) -> Iterator[str]:
        """The same where calls can't be counted: at moments from start to end of a save."""
        begun = time.perf_counter()
        self._renew()
        self.scene.save(self._folder)
        lasts = time.perf_counter() - begun
        chance = random.Random(1)
        for _ in range(times):
            self._renew()
            child = os.fork()
            if not child:
                self.scene.save(self._folder)
                os._exit(0)
            time.sleep(chance.uniform(0, 1.2 * lasts))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            yield self._judge("killed at a random moment")

    def _act_as_child(self, injector: Injector, at: int, error: int, torn: bool, writer: int) -> None:
        def save(folder: Path) -> None:
            injector.arm(at, error, torn)
            try:
                self.scene.save(folder)
            finally:
                injector.disarm()

        try:
            failure = judge(save, self._folder)
            if failure is not None:
                os.write(writer, f"{failure.kind}: {failure.message[:120]}".encode())
        finally:
            os._exit(0)

    def _judge(self, place: str) -> str:
        """What is lost now, and after the next save; the clock was set back by years meanwhile."""
        try:
            state = read_state(self._folder)
            if state not in (self._old, self._new):
                return f"{place}: neither the old files nor the new ones"
            for each in list_temporary(self._folder):
                os.utime(self._folder / each, (time.time() + YEARS,) * 2)
            self.scene.save(self._folder)
            left = list_temporary(self._folder)
            after = read_state(self._folder)
        except Exception as error:  # whatever it is, that is what was lost
            return f"{place}: {type(error).__name__}: {str(error)[:120]}"
        if left:
            return f"{place}: the next save left {left[0]}"
        if self.scene.numbered:
            same = set(after.values()) == set(self._new.values()) and self._old.items() <= after.items()
        else:
            same = after == self._new
        return "" if same else f"{place}: the next save wrote something else"

    def _renew(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.copytree(self._start, self._folder, symlinks=True, copy_function=_copy)
        for link in self._folder.iterdir():
            if link.is_symlink():
                target = self._folder / Path(os.readlink(link)).relative_to(self._start)
                link.unlink()
                link.symlink_to(target)


def _copy(source: str, target: str) -> None:
    """What is only read, and large, is not copied."""
    if Path(source).name.startswith("input"):
        os.link(source, target)
    else:
        shutil.copy2(source, target, follow_symlinks=False)


if __name__ == "__main__":
    main()
