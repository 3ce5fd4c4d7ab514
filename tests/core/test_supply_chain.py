"""What is installed is what was locked, and the bill of materials names all that the pack runs with."""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path

import pytest
import tomllib

from harness.environment import HOST_PACKAGE, LOCKS, NEWEST_PAGE, REQUIREMENTS
from registry.contents import list_contents
from registry.locate import ROOT
from registry.sbom import LOCK, describe, find_scopes, read_lock

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
OURS = {path.stem if path.is_file() else path.name for path in ROOT.iterdir()}
OF_THE_HOST = {"comfy", "comfy_api", "comfy_execution", "comfy_extras", "folder_paths", "latent_preview", "server"}
# Names to import that are not those of their packages; a small environment doesn't know them.
PACKAGES = {"PIL": "pillow", "yaml": "pyyaml", "huggingface_hub": "huggingface-hub"}


def list_imports(path: Path) -> set[str]:
    """The packages, by the name to import, that a file imports anywhere in it, but for Python's own."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module or "")
    return {name.split(".")[0] for name in found} - sys.stdlib_module_names


def find_unnamed(imports: set[str], named: set[str]) -> set[str]:
    """Those that a bill with the packages `named` says nothing of."""
    return {name for name in imports if PACKAGES.get(name, name) not in named}


def list_wanted(*files: Path) -> set[str]:
    """Names of the packages in files of requirements."""
    lines = [line for file in files for line in file.read_text("utf-8").splitlines()]
    names = (re.match(r"[\w.-]+", line) for line in lines)
    return {re.sub(r"[._]", "-", name[0]).lower() for name in names if name}


def find_loose(lock: str) -> list[str]:
    """The packages of a lock that pip would take any file for."""
    return [package.name for package in read_lock(lock).values() if not package.hashes]


@pytest.mark.parametrize("name", ["environment", "host", "newest_page"])
def test_every_package_has_one_version_and_hashes(name: str) -> None:
    text = (LOCKS / f"{name}.txt").read_text("utf-8")
    assert read_lock(text)
    assert find_loose(text) == []
    without = re.sub(r"(?m)^(\S+==\S+).*\\\n(?: +--hash=.*\n)+", r"\1\n", text, count=1)
    assert len(find_loose(without)) == 1, "the control: a pin without a hash"


def test_what_is_wanted_is_locked() -> None:
    packages = read_lock(LOCK.read_text("utf-8"))
    wanted = list_wanted(*REQUIREMENTS, ROOT / "requirements.txt")
    assert wanted - packages.keys() == set(), "run 'python -m harness.lock'"
    exact = [
        line for file in REQUIREMENTS for line in file.read_text("utf-8").splitlines() if re.search(r"==[\d.]+$", line)
    ]
    assert len(exact) > 10
    assert [line for line in exact if packages[line.split("==")[0].lower()].version != line.split("==")[1]] == []
    for name, package in {"host": HOST_PACKAGE, "newest_page": NEWEST_PAGE}.items():
        (locked,) = read_lock((LOCKS / f"{name}.txt").read_text("utf-8")).values()
        assert f"{locked.name}=={locked.version}" == package


def find_rights(workflow: str) -> set[str]:
    """What a workflow may do with the repository, and what it could be made to do by others."""
    rights = set(re.findall(r"^ +([a-z-]+: (?:write|admin))", workflow, re.MULTILINE))
    rights |= set(re.findall(r"pull_request_target|workflow_run|write-all|read-all", workflow))
    checkouts = re.findall(r"uses: actions/checkout@.*\n +with:\n +persist-credentials: false\n", workflow)
    if len(checkouts) < workflow.count("actions/checkout@"):
        rights.add("credentials are kept")
    # What others can name, such as a branch, is read from the environment, never written into a command.
    return rights | set(re.findall(r"run: .*(\$\{\{.*?\}\})", workflow))


def test_workflows_have_least_rights() -> None:
    workflows = [path.read_text("utf-8") for path in (ROOT / ".github" / "workflows").glob("*.yml")]
    assert workflows
    for text in workflows:
        assert "\npermissions:\n  contents: read\n" in text
        assert find_rights(text) == set()
        weaker = text.replace("contents: read", "contents: write").replace("persist-credentials: false", "")
        weaker += "      - run: echo ${{ github.ref_name }}\n"
        assert find_rights(weaker) == {"contents: write", "credentials are kept", "${{ github.ref_name }}"}, "control"


def test_users_get_ranges() -> None:
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    assert [
        line for line in lines if line and not line.startswith("#") and not re.fullmatch(r"[\w-]+>=[\d.]+", line)
    ] == []


def test_the_bill_names_all_that_the_archive_imports() -> None:
    bill = describe(LOCK.read_text("utf-8"), PROJECT)
    scopes = {each["name"]: each["scope"] for each in bill["components"]}
    imports = {name for path in list_contents() if path.endswith(".py") for name in list_imports(ROOT / path)}
    imports -= OURS | OF_THE_HOST
    assert {"torch", "matplotlib", "nudenet", "PIL"} <= imports
    assert find_unnamed(imports, set(scopes)) == set()
    assert list_wanted(ROOT / "requirements.txt") <= {name for name, scope in scopes.items() if scope == "required"}
    assert scopes["nudenet"] == scopes["onnxruntime"] == "optional"
    assert not {"pytest", "ruff", "mypy", "uv"} & scopes.keys(), "development alone uses them"
    assert find_unnamed(imports, scopes.keys() - {"matplotlib"}) == {"matplotlib"}, "the control: one is left out"


def test_the_bill_is_as_its_schema_says() -> None:
    validation = pytest.importorskip("cyclonedx.validation.json")
    schema = pytest.importorskip("cyclonedx.schema")
    validator = validation.JsonStrictValidator(schema.SchemaVersion.V1_6)
    bill = describe(LOCK.read_text("utf-8"), PROJECT)
    assert validator.validate_str(json.dumps(bill)) is None
    references = {each["bom-ref"] for each in (bill["metadata"]["component"], *bill["components"])}
    assert {each["ref"] for each in bill["dependencies"]} == references
    bill["components"][0]["scope"] = "perhaps"
    assert validator.validate_str(json.dumps(bill)) is not None, "the control"


def test_scopes_follow_what_needs_what() -> None:
    lock = """
a==1 ; sys_platform == 'linux' \\
    --hash=sha256:0000000000000000000000000000000000000000000000000000000000000000
    # via -r requirements.txt
b==2
    # via
    #   a
    #   c
c==3
    # via -r requirements-dev.txt
nudenet==4
    # via -r requirements-dev.txt
d==5
    # via nudenet
"""
    assert find_scopes(read_lock(lock)) == {"a": "required", "b": "required", "nudenet": "optional", "d": "optional"}
    with pytest.raises(ValueError, match="line 1 of the lock is 'a>=1'; expected a pin, a hash or a reason"):
        read_lock("a>=1")
