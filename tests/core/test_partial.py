"""Files under temporary names: links are followed, dead writers' leftovers go, living writers' stay."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rece_core.storage import atomic_file, partial
from rece_core.storage.atomic_file import open_atomically, write_atomically, write_numbered
from rece_core.storage.partial import clear_leftovers, open_partial

ROOT = Path(__file__).parents[2]
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="locks and links as POSIX has them")
DIE = """
import os, sys
from pathlib import Path
from rece_core.storage.partial import open_partial
with open_partial(Path(sys.argv[1]), sys.argv[2] == "folder") as partial:
    if sys.argv[2] == "folder":
        (partial / "file").touch()
    os._exit(9)
"""


def list_names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


@POSIX
def test_what_a_link_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "real").write_bytes(b"old")
    (tmp_path / "middle").symlink_to(tmp_path / "far" / "real")
    (tmp_path / "link").symlink_to("middle")
    write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "middle").is_symlink()
    assert (tmp_path / "far" / "real").read_bytes() == b"new"
    (tmp_path / "dangling").symlink_to(tmp_path / "not" / "there")
    write_atomically(tmp_path / "dangling", b"new")
    assert (tmp_path / "not" / "there").read_bytes() == b"new"
    assert list_names(tmp_path / "far") == ["real"]


@POSIX
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_leftovers_of_the_dead_are_removed_by_the_next_writer(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "name"
    assert subprocess.run([sys.executable, "-c", DIE, path, kind], cwd=ROOT).returncode == 9
    (tmp_path / "mine.partial").touch()
    assert len(list_names(tmp_path)) == 2, "control: there is a leftover"
    with open_partial(path, is_folder=kind == "folder") as alive:
        write_atomically(tmp_path / "other", b"x")
        assert list_names(tmp_path) == sorted(["mine.partial", "other", alive.name]), "that of a living writer stays"
    assert list_names(tmp_path) == ["mine.partial", "other"]


@POSIX
def test_without_locks_what_is_a_day_old_is_a_leftover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partial, "try_lock", lambda descriptor: None)
    new, old, ahead = (tmp_path / f"x.rece-{digit * 16}.partial" for digit in "123")
    for each in (new, old, ahead):
        each.touch()
    now = new.stat().st_mtime
    os.utime(old, (now, now - 2 * partial.OLD))
    os.utime(ahead, (now, now + 2 * partial.OLD))  # the clock was set back since
    clear_leftovers(tmp_path)
    assert list_names(tmp_path) == [new.name]


def test_two_writers_of_one_name_in_one_process(tmp_path: Path) -> None:
    path = tmp_path / "name"
    with open_atomically(path) as first, open_atomically(path) as second:
        first.write(b"first" * 1000)
        second.write(b"second")
    assert path.read_bytes() == b"first" * 1000, "the one that ended last"
    assert list_names(tmp_path) == ["name"]


def test_a_number_that_was_taken_meanwhile(tmp_path: Path) -> None:
    asked = iter([tmp_path / "1", tmp_path / "2"])
    (tmp_path / "1").write_bytes(b"another's")
    assert write_numbered(lambda: next(asked), b"new") == tmp_path / "2"
    assert ((tmp_path / "1").read_bytes(), (tmp_path / "2").read_bytes()) == (b"another's", b"new")
    with pytest.raises(FileExistsError):
        write_numbered(lambda: tmp_path / "1", b"new")
    assert list_names(tmp_path) == ["1", "2"]


@POSIX
def test_a_new_name_where_there_are_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(atomic_file.os, "link", refuse)
    asked = iter([tmp_path / "1", tmp_path / "1", tmp_path / "2"])
    for _ in range(2):
        write_numbered(lambda: next(asked), b"new")
    assert list_names(tmp_path) == ["1", "2"]
