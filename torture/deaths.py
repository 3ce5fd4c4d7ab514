"""Death and faults at every call of a save.

Each save is done in a child of this process, which is killed before each of its calls, and in the middle of each write;
then each call fails in each way. What lies there afterwards must be what was there before, or what should come, whole;
and the next save must work and leave nothing temporary.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .fault import LIBRARY, Injector
from .scenes import Scene, list_temporary, read_state
from .verdict import judge

ERRORS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EROFS": errno.EROFS, "EDQUOT": errno.EDQUOT, "EXDEV": errno.EXDEV}
RENAMES = ("rename", "renameat", "renameat2", "link", "linkat")  # what another device can fail
REMOVES = ("unlink", "unlinkat", "rmdir", "openat", "openat64")  # what is left after these fails is for the next save
RANDOM_KILLS = 500
YEARS = 10 * 365 * 24 * 3600


def attack(scene: Scene, folder: Path) -> Iterator[dict[str, Any]]:
    """A row for deaths and one for faults: how often the scene's save was ended, or failed, and what was lost."""
    try:
        trial = _Trial(scene, folder)
    except AssertionError as error:
        yield {"name": f"{scene.name}, undisturbed", "tried": 1, "failed": 1, "lost": [str(error)]}
        return
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
        saved = read_state(self._folder) != self._old  # then it was the cleaning behind it that failed
        if leftovers and name not in REMOVES and not saved:
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
            if not self._is_old_or_new(state):
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

    def _is_old_or_new(self, state: dict[str, str]) -> bool:
        """Of each file, as some saves write two, one after the other."""
        kept = self._old.keys() & self._new.keys() <= state.keys() <= self._old.keys() | self._new.keys()
        return kept and all(held in (self._old.get(name), self._new.get(name)) for name, held in state.items())

    def _renew(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.copytree(self._start, self._folder, symlinks=True)
        for link in self._folder.iterdir():
            if link.is_symlink():
                target = self._folder / Path(os.readlink(link)).relative_to(self._start)
                link.unlink()
                link.symlink_to(target)
