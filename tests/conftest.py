"""What holds for all tests: which wait to be asked for, how processes share them; a ComfyUI, and a small disk."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from harness.environment import Host, SetupError, locate_host

#: Bytes of memory for a process of tests: it starts a ComfyUI of its own, and some models are of full size.
MEMORY = 6e9
MOST_PROCESSES = 4
#: What takes long comes first where processes share the tests, so that many short ones fill the end.
LONG = ("browser", "families", "host")
#: Of the engine's tests those that start programs, or need transformers, diffusers or NudeNet.
NOT_QUICK = (
    *("command_line", "test_bench.py", "test_checkpoint_texts.py", "test_command_line_memory.py"),
    *("test_lora_diffusers.py", "test_nudity.py"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests that take long too")
    parser.addoption("--quick", action="store_true", help="leave out what takes seconds, or more packages than PyTorch")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """None, for pytest to decide, but for files that `--quick` leaves out."""
    return True if config.getoption("--quick") and collection_path.name in NOT_QUICK else None


@pytest.hookimpl(optionalhook=True)  # there is none where xdist is left out
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """A process a core within MEMORY, none without a file of its own; 0, this process alone, for few tests."""
    paths = {Path(argument.split("::")[0]) for argument in config.args}
    files = {file for path in paths for file in (path.rglob("test_*.py") if path.is_dir() else [path])}
    fit = int(psutil.virtual_memory().total / MEMORY)
    processes = min(os.cpu_count() or 1, fit, MOST_PROCESSES, len(files))
    picked = config.option.keyword or config.getoption("lf", False)
    return 0 if picked or processes < 2 else processes


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # of xdist: this is one of several processes
        items.sort(key=lambda item: item.path.parent.name not in LONG)
    if config.getoption("--slow"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="takes long; run it with --slow"))


@pytest.fixture(scope="session")
def host() -> Host:
    """The ComfyUI to test with: the one in `.host`, or the user's own."""
    try:
        return locate_host()
    except SetupError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def mount_small_disk() -> Iterator[Callable[[Path], None]]:
    """`mount_small_disk(folder)`: a disk of 4 MiB in memory, until the test's end; skips where that is not allowed."""
    mounted: list[Path] = []

    def mount(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
        if (
            os.name != "posix"
            or shutil.which("mount") is None
            or subprocess.run(command, capture_output=True).returncode
        ):
            pytest.skip("mounting a small disk takes rights that this system does not give")
        mounted.append(folder)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)
