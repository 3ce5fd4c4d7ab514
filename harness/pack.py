"""The pack's own modules, for scripts that run in the host's Python without its server."""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path
from typing import Any

from .environment import ROOT
from .server import link_folder

_folder: list[tempfile.TemporaryDirectory[str]] = []  # kept until the program ends


def import_pack(name: str) -> Any:
    """A module of the pack, such as `nodes.host_texts`, imported below a package as the host does.

    The pack reaches `rece_core` by relative imports across its root, whose folder may have any name: so there is a
    link to it with a name that can be imported. The host must be on `sys.path`.
    """
    if not _folder:
        _folder.append(tempfile.TemporaryDirectory())
        link_folder(ROOT, Path(_folder[0].name) / "rece_pack")
        sys.path.append(_folder[0].name)
    return importlib.import_module(f"rece_pack.{name}")
