"""Pin every package that development installs, and what those need, with the hashes of their files: `locks/*.txt`.

    python -m harness.lock           # after a change of requirements-*.txt, HOST_PACKAGE or NEWEST_PAGE
    python -m harness.lock --newer   # newer releases too, as far as the requirements let them

pip then installs nothing else (`--require-hashes`). A lock has the hashes of all files of a release, and markers, so
that it serves Linux, macOS and Windows with every Python that the project runs on.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from .environment import HOST_PACKAGE, LOCKS, NEWEST_PAGE, OLDEST_PYTHON, REQUIREMENTS, ROOT
from .processes import call

HEADER = "# Made by `python -m harness.lock`; see there.\n"
USERS = "requirements.txt"  # its one package is locked too, as development uses it


def main() -> int:
    """Write the locks again; 1 where one could not be made."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--newer", action="store_true", help="take newer releases")
    newer = parser.parse_args().newer
    wanted = [USERS, *(file.name for file in REQUIREMENTS)]
    done = [_lock("environment", wanted, newer)]
    with tempfile.TemporaryDirectory() as folder:
        for name, package in {"host": HOST_PACKAGE, "newest_page": NEWEST_PAGE}.items():
            alone = Path(folder) / "package.txt"
            alone.write_text(f"{package}\n", "utf-8")
            done.append(_lock(name, [str(alone)], newer, "--no-deps", "--no-annotate", "--only-binary=:all:"))
    return max(done)


def _lock(name: str, wanted: list[str], newer: bool, *options: str) -> int:
    """Write the lock of the `wanted` files; its pins stay as they are unless `newer` or no longer wanted."""
    lock = LOCKS / f"{name}.txt"
    oldest = ".".join(map(str, OLDEST_PYTHON))
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
    command += ["--no-header", f"--python-version={oldest}", f"--output-file={lock}", *options]
    code = call([*command, *(["--upgrade"] if newer else []), *wanted], cwd=ROOT)
    if code == 0:
        lock.write_text(HEADER + lock.read_text("utf-8").removeprefix(HEADER), "utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
