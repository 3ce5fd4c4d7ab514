"""What was done of a plan and what came of it: a SQLite file beside the results, to take a run up again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import __version__
from .task import Done, Job

NAME = "library.sqlite"
DONE, FAILED, WAITING = "done", "failed", "waiting"
TABLE = """create table if not exists files (
  output text primary key, input text not null, version text not null, recipe text not null, state text not null,
  tries integer not null, error text not null, family text, bytes integer, sha256 text, seconds real, measures text
)"""
COLUMNS = ("input", "output", "state", "family", "bytes", "sha256", "seconds", "tries", "error", "measures")


class Manifest:
    """The files of a library by the paths of their results. Only the process that carries out a plan writes it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute(TABLE)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def knows(self, output: Path) -> bool:
        """Whether `output` is a result of this library, which may be written again."""
        return self._find(output) is not None

    def is_done(self, job: Job, recipe: str) -> bool:
        """Whether the job's result is there, made from the same input by the same recipe and version."""
        row = self._find(job.output)
        if row is None or row["state"] != DONE or (row["version"], row["recipe"]) != _identify(job, recipe):
            return False
        return job.output.is_file() and job.output.stat().st_size == row["bytes"]

    def begin(self, job: Job, recipe: str) -> None:
        """Note what is to be done, before anything of it is."""
        row = (str(job.output), job.source.address, *_identify(job, recipe), WAITING, 0, "")
        query = (
            "insert or replace into files (output, input, version, recipe, state, tries, error) values (?,?,?,?,?,?,?)"
        )
        self._database.execute(query, row)

    def finish(self, output: Path, done: Done, tries: int) -> None:
        """Note what came of it."""
        told = (done.family, done.size, done.digest, done.seconds, json.dumps(done.measures))
        columns = "state=?, tries=?, error='', family=?, bytes=?, sha256=?, seconds=?, measures=?"
        query = f"update files set {columns} where output=?"  # noqa: S608 - of constants
        self._database.execute(query, (DONE, tries, *told, str(output)))

    def fail(self, output: Path, error: str, tries: int) -> None:
        """Note why there is no result."""
        query = "update files set state=?, tries=?, error=? where output=?"
        self._database.execute(query, (FAILED, tries, error, str(output)))

    def rows(self) -> Iterator[dict[str, Any]]:
        """One file after the other, by the path of its result, measures as a dict."""
        query = f"select {', '.join(COLUMNS)} from files order by output"  # noqa: S608 - of constants
        for row in self._database.execute(query):
            told = dict(zip(COLUMNS, row, strict=True))
            yield {**told, "measures": json.loads(told["measures"] or "{}")}

    def _find(self, output: Path) -> dict[str, Any] | None:
        query = "select state, version, recipe, bytes from files where output=?"
        row = self._database.execute(query, (str(output),)).fetchone()
        return None if row is None else dict(zip(("state", "version", "recipe", "bytes"), row, strict=True))


def _identify(job: Job, recipe: str) -> tuple[str, str]:
    """What must be the same for a result to be the same: of the input, and of what is done to it."""
    return f"{job.source.size} {job.source.version}", f"{__version__} {job.form} {job.threads} {recipe}"
