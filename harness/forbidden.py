"""What the pack must never do, looked for in every Python file that users get: `python -m harness.forbidden`.

Ruff's rules of the kind S find dangerous calls; this refuses the modules that such calls would need, too. It prints
each place, and ends with 1 where there is any.
"""

from __future__ import annotations

import ast
import logging
import sys
from collections.abc import Iterator

from registry.contents import list_contents

from .environment import ROOT

#: What unpickles, starts programs, opens connections, loads or installs code.
MODULES = {
    *("pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"),
    *("subprocess", "multiprocessing", "pty", "ctypes", "code", "runpy", "pip", "ensurepip", "venv"),
    *("socket", "socketserver", "ssl", "http", "urllib", "requests", "httpx", "urllib3", "websocket", "websockets"),
    *("ftplib", "smtplib", "poplib", "imaplib", "xmlrpc", "webbrowser", "aiohttp"),
}
#: Parts of them that do none of that; a server's side answers, and never asks.
HARMLESS = {"aiohttp.web", "urllib.parse"}
BUILT_IN = {"eval", "exec", "compile", "__import__", "breakpoint", "input"}
#: Calls by the end of their name: what loads pickles, fetches, or starts programs.
CALLS = {
    *("torch.load", "torch.hub.load", "torch.jit.load", "torch.save", "np.load", "numpy.load", "yaml.load"),
    *("os.system", "os.popen", "os.startfile", "os.fork", "huggingface_hub.snapshot_download", "hf_hub_download"),
    *(
        f"os.{kind}{more}"
        for kind in ("exec", "spawn", "posix_spawn")
        for more in ("", "l", "le", "lp", "v", "ve", "vp")
    ),
}


def find_forbidden(source: str) -> Iterator[tuple[int, str]]:
    """Line and words of all that a file must not do."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, f"imports {each.name}") for each in node.names if _is_forbidden(each.name))
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = (f"{node.module}.{each.name}" for each in node.names)
            yield from ((node.lineno, f"imports {name}") for name in names if _is_forbidden(name))
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func) if isinstance(node.func, ast.Name | ast.Attribute) else ""
            if name in BUILT_IN or any(name == each or name.endswith(f".{each}") for each in CALLS):
                yield node.lineno, f"calls {name}"
            elif name.endswith("from_pretrained") and not _is_set(node, "local_files_only"):
                yield node.lineno, f"calls {name} without local_files_only=True"


def _is_forbidden(name: str) -> bool:
    allowed = any(name == each or name.startswith(f"{each}.") for each in HARMLESS)
    return name.split(".")[0] in MODULES and not allowed


def _is_set(call: ast.Call, option: str) -> bool:
    values = [each.value for each in call.keywords if each.arg == option]
    return any(isinstance(value, ast.Constant) and value.value is True for value in values)


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    files = [path for path in list_contents() if path.endswith(".py")]
    found = [(path, *each) for path in files for each in find_forbidden((ROOT / path).read_text("utf-8"))]
    for path, line, what in found:
        logging.error("%s:%d: it %s, which the pack must never do", path, line, what)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
