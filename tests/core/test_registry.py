"""What publishing asks: one version, a changelog, pictures of the right size, pinned actions, nothing superfluous."""

from __future__ import annotations

import re

import pytest
import tomllib
from PIL import Image

import rece_core
from registry.contents import list_contents
from registry.draw import BANNER, ICON
from registry.locate import ROOT, check_version, locate

PROJECT = (ROOT / "pyproject.toml").read_text("utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")
SETTINGS = tomllib.loads(PROJECT)
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_there_is_one_version_and_the_changelog_has_it_first() -> None:
    version = SETTINGS["project"]["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", version), "the registry takes three numbers"
    assert rece_core.__version__ == version
    sections = re.findall(r"^## (.+)$", CHANGELOG, flags=re.M)
    assert re.fullmatch(rf"{re.escape(version)} - (unreleased|\d{{4}}-\d\d-\d\d)", sections[0])
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", section) for section in sections[1:])


def test_a_tag_is_the_version_and_its_section_has_a_date() -> None:
    dated = "# Changelog\n\n## 1.2.3 - 2026-01-31\n"
    project = '[project]\nversion = "1.2.3"\n'
    check_version(project, dated, "v1.2.3")
    with pytest.raises(ValueError, match=r"the tag is 'v1\.2\.4', .*; expected the tag 'v1\.2\.3'\."):
        check_version(project, dated, "v1.2.4")
    with pytest.raises(ValueError, match=r"no dated section for '1\.2\.3'; .* Write the date of the release there\."):
        check_version(project, "# Changelog\n\n## 1.2.3 - unreleased\n", "v1.2.3")


def test_all_that_the_registry_shows_is_there_once_the_repository_is_known() -> None:
    located = tomllib.loads(locate(PROJECT, "someone/ComfyUI-RECE", "v1.2.3"))
    comfy, project = located["tool"]["comfy"], located["project"]
    assert project["urls"]["Repository"] == "https://github.com/someone/ComfyUI-RECE"
    files = "https://raw.githubusercontent.com/someone/ComfyUI-RECE/v1.2.3/"
    for name in ("Icon", "Banner"):
        assert comfy[name].startswith(files)
        assert (ROOT / comfy[name].removeprefix(files)).is_file()
    assert comfy["PublisherId"] and comfy["DisplayName"] and comfy["requires-comfyui"] == ">=0.3.75"
    assert "web" not in comfy, "the host would serve the page's scripts twice"
    assert project["license"] == {"file": "LICENSE"} and (ROOT / "LICENSE").is_file()
    assert re.fullmatch(r"[A-Za-z][\w.-]{0,98}", project["name"])
    without_urls = {name: value for name, value in project.items() if name != "urls"}
    assert without_urls == SETTINGS["project"], "nothing else has changed"


def test_what_is_installed_is_the_same_by_either_list() -> None:
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == SETTINGS["project"]["dependencies"]


@pytest.mark.parametrize(("name", "size"), [("Icon", ICON), ("Banner", BANNER)])
def test_pictures_are_as_the_registry_takes_them(name: str, size: tuple[int, int]) -> None:
    with Image.open(ROOT / SETTINGS["tool"]["comfy"][name]) as picture:
        assert picture.format == "PNG"
        assert picture.size == size
    assert ICON[0] == ICON[1] <= 400
    assert BANNER[0] * 9 == BANNER[1] * 21


def test_an_archive_has_what_users_need_and_nothing_else() -> None:
    contents = list_contents()
    folders = {path.split("/")[0] for path in contents if "/" in path}
    assert folders == {
        "demo",
        "docs",
        "emoji",
        "example_workflows",
        "locales",
        "nodes",
        "rece_core",
        "subgraphs",
        "web",
    }
    assert {"__init__.py", "pyproject.toml", "requirements.txt", "README.md", "LICENSE"} <= set(contents)
    assert {"demo/weights/demo.safetensors", "emoji/weights/flux.safetensors"} <= set(contents), "RECE Demo Model ships"
    assert {path for path in contents if path.endswith(".py") and path.startswith("example_workflows/")} == set()
    assert sum((ROOT / path).stat().st_size for path in contents) < 25e6, "bytes"


def test_what_an_archive_has_of_the_emoji_world_needs_nothing_that_was_left_out() -> None:
    shipped = [path for path in list_contents() if path.startswith("emoji/") and path.endswith(".py")]
    assert "emoji/family.py" in shipped and "emoji/training/loop.py" not in shipped
    for path in shipped:
        for name in re.findall(r"^\s*from \.(\w+) import", (ROOT / path).read_text("utf-8"), re.MULTILINE):
            assert f"emoji/{name}.py" in shipped, f"{path} imports {name}"


def test_the_workflows_use_actions_as_they_are_known() -> None:
    used = [line for path in WORKFLOWS for line in path.read_text("utf-8").splitlines() if "uses:" in line]
    assert any("Comfy-Org/publish-node-action@" in line for line in used)
    for line in used:
        assert re.search(r"uses: [\w.-]+/[\w.-]+@[0-9a-f]{40} # \S", line), "a commit, and which it is"
