"""Start and stop a ComfyUI process in a folder of its own.

Standard library only, because `run.py serve` needs nothing more. A server gets a base folder (`--base-directory`) with
its own custom_nodes, models, input, output, temp and user, so nothing is ever put into the ComfyUI that runs it, and
the custom nodes which lie there are not loaded.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from .environment import ROOT, Host
from .processes import interrupt, wait_or_end

log = logging.getLogger(__name__)

#: The folder name under which a user of ComfyUI would have this pack.
PACK_NAME = "ComfyUI-RECE"
FOLDERS = ("custom_nodes", "input", "models/checkpoints", "models/loras", "output", "temp", "user")
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "out")
ADDRESS = "127.0.0.1"

# A proxy from the environment must not get in between two programs of the same machine.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ServerError(RuntimeError):
    """A ComfyUI process did not start, or started without one of its node packs."""


class Server:
    """A ComfyUI process with chosen node packs, for use in a `with` statement.

    `packs` maps the name of a folder in custom_nodes to the folder it stands for (this pack alone by default, `{}` for
    none). `port` is a free one unless given. The log goes to `server.log` in the base folder, or with `console` to the
    terminal. `arguments` are handed to ComfyUI after the default ones.
    """

    def __init__(
        self,
        host: Host,
        base: Path,
        *,
        packs: Mapping[str, Path] | None = None,
        port: int | None = None,
        arguments: Sequence[str] = (),
        console: bool = False,
    ) -> None:
        self.host = host
        self.base = base.absolute()
        self.packs = {PACK_NAME: ROOT} if packs is None else dict(packs)
        self.port = port or free_port()
        self.arguments = list(arguments)
        self.console = console
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.port}"

    @property
    def log_file(self) -> Path:
        return self.base / "server.log"

    @property
    def output(self) -> Path:
        """The folder where saving nodes of this server write."""
        return self.base / "output"

    def start(self, timeout: float = 300.0) -> Server:
        """Start the process and return when it answers; raise ServerError, with its log's end, where it does not."""
        if self.process is not None:
            raise ServerError(f"The server at {self.url} is running already. Stop it before starting it again.")
        if not _can_listen(self.port):
            raise ServerError(f"Port {self.port} is in use. Stop what listens there, or choose another port.")
        prepare_base(self.base, self.packs)
        start = time.perf_counter()
        log.info("start ComfyUI %s (some 25 s) ...", self.host.version)
        with contextlib.ExitStack() as on_failure:
            self._launch()
            on_failure.callback(self.stop)
            self._await_answer(start + timeout)
            self._check_packs()
            on_failure.pop_all()
        log.info("... it answers at %s after %.1f s", self.url, time.perf_counter() - start)
        return self

    def stop(self) -> None:
        """Stop the process, if it runs, and wait for its end."""
        if self.process is not None:
            if self.process.poll() is None:
                interrupt(self.process)
            wait_or_end(self.process)
            self.process = None

    def wait(self) -> int:
        """Wait until the process ends by itself and return its exit code."""
        if self.process is None:
            raise ServerError("The server is not running. Start it before waiting for it.")
        return self.process.wait()

    def log_text(self) -> str:
        """All that the process has logged since it was started last."""
        return self.log_file.read_text("utf-8", "replace") if self.log_file.is_file() else ""

    def command(self) -> list[str]:
        """The command line that starts this server."""
        database = f"sqlite:///{(self.base / 'user' / 'comfyui.db').as_posix()}"
        return [
            *(str(self.host.python), "-u", str(self.host.folder / "main.py")),
            *("--listen", ADDRESS, "--port", str(self.port)),
            *("--base-directory", str(self.base), "--database-url", database),
            *("--disable-api-nodes", "--disable-auto-launch"),
            *device_arguments(),
            *self.arguments,
        ]

    def _launch(self) -> None:
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}
        with contextlib.ExitStack() as stack:
            # The process keeps its own handle of the log.
            sink = None if self.console else stack.enter_context(self.log_file.open("wb"))
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.host.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=None if sink is None else subprocess.STDOUT,
            )

    def _await_answer(self, deadline: float) -> None:
        assert self.process is not None
        while True:
            code = self.process.poll()
            if code is not None:
                raise ServerError(f"ComfyUI ended with exit code {code} while starting.{self._log_tail()}")
            if time.perf_counter() > deadline:
                raise ServerError(f"ComfyUI did not answer at {self.url} in time.{self._log_tail()}")
            # URLError and ConnectionError are OSErrors: it does not listen yet.
            with contextlib.suppress(OSError), _opener.open(f"{self.url}/system_stats", timeout=5):
                return
            time.sleep(0.2)

    def _check_packs(self) -> None:
        if not self.console and "(IMPORT FAILED)" in self.log_text():
            folder = str(self.base / "custom_nodes")
            told = "\n".join(part for part in self.log_text().split("\n\n") if folder in part)
            raise ServerError(f"ComfyUI started, but a node pack failed to import. From {self.log_file}:\n{told}")

    def _log_tail(self) -> str:
        if self.console:
            return " Its log is above."
        return f"\nThe end of {self.log_file}:\n" + "\n".join(self.log_text().splitlines()[-40:])

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def device_arguments() -> list[str]:
    """What tells ComfyUI the device: `--cpu`, unless the variable COMFYUI_ARGS says something else or nothing."""
    return shlex.split(os.environ.get("COMFYUI_ARGS", "--cpu"))


def prepare_base(base: Path, packs: Mapping[str, Path]) -> None:
    """Make a base folder for a server, with exactly `packs` in its custom_nodes; all else in it stays as it is."""
    for name in FOLDERS:
        (base / name).mkdir(parents=True, exist_ok=True)
    for entry in (base / "custom_nodes").iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    for name, folder in packs.items():
        link_folder(folder, base / "custom_nodes" / name)


def link_folder(folder: Path, link: Path) -> None:
    """Make `link` stand for `folder`: a symbolic link, or a copy where Windows does not allow one."""
    try:
        link.symlink_to(folder, target_is_directory=True)
    except OSError:
        shutil.copytree(folder, link, ignore=NOT_COPIED)


def free_port() -> int:
    """A port of this machine that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        port: int = probe.getsockname()[1]
        return port


def _can_listen(port: int) -> bool:
    with socket.socket() as probe:
        if os.name != "nt":
            # As the server does: a port in TIME_WAIT is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
        return True
